//! One value that is wrong: the place, the key, the value and what would be right.

use super::{ISSUER, faults, faults_with};

/// Each text gives exactly this one line.
fn assert_faults(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(&faults(text), expected, "of the text\n{text}");
    }
}

#[test]
fn a_value_of_the_wrong_form_is_told_with_what_would_be_right() {
    assert_faults(&[
        (
            "[upstream]\nbuy_timeout = \"soon\"",
            r#"t.toml:2:15: upstream.buy_timeout = "soon": not a duration; write a whole number and ms, s, m, h or d, like "250ms", "30s" or "72h""#,
        ),
        (
            "[upstream]\nbuy_timeout = 20",
            r#"t.toml:2:15: upstream.buy_timeout = 20: a whole number does not belong here; write a whole number and ms, s, m, h or d, like "250ms", "30s" or "72h""#,
        ),
        (
            "[upstream]\n  read_timeout = 1.5",
            r#"t.toml:2:18: upstream.read_timeout = 1.5: a fraction does not belong here; write a whole number and ms, s, m, h or d, like "250ms", "30s" or "72h""#,
        ),
        (
            "server.listen = \"localhost\"",
            r#"t.toml:1:17: server.listen = "localhost": not an address with a port; write an IP address and a port, like "127.0.0.1:8080" or "[::]:8080""#,
        ),
        (
            "server.hosts = [\"ok.example.com\", \"https://x\"]",
            r#"t.toml:1:35: server.hosts[1] = "https://x": not a host; write a host name or address without scheme and port, like "numbers.example.com""#,
        ),
        (
            "server.hosts = \"ok.example.com\"",
            "t.toml:1:16: server.hosts: a text where a list belongs; write values in [ ], with commas between them",
        ),
        (
            "server.trusted_proxies = [\"10.0.0.0/33\"]",
            r#"t.toml:1:27: server.trusted_proxies[0] = "10.0.0.0/33": not a network; write an address or a network, like "10.0.0.0/8" or "2001:db8::/32""#,
        ),
        (
            "upstream.base_url = \"rest.clicksend.com\"",
            r#"t.toml:1:21: upstream.base_url = "rest.clicksend.com": not an http or https URL; write scheme, host and path, like "https://login.example.com/keys""#,
        ),
        (
            "upstream.replicas_share_address = \"yes\"",
            r#"t.toml:1:35: upstream.replicas_share_address = "yes": a text does not belong here; write true or false"#,
        ),
        (
            "upstream.billing_time_zone = \"Australia/Sidney\"",
            r#"t.toml:1:30: upstream.billing_time_zone = "Australia/Sidney": unknown time zone; write a name that this machine's time zone database (tzdata) knows, like "UTC" or "Australia/Sydney""#,
        ),
        (
            "cache.max_bytes = \"64MB\"",
            r#"t.toml:1:19: cache.max_bytes = "64MB": not a size; write a whole number and B, KiB, MiB or GiB, like "64MiB""#,
        ),
        (
            "telemetry.sample = \"1\"",
            r#"t.toml:1:20: telemetry.sample = "1": not a share; write 0 to 100 with at most two decimals and %, like "33%""#,
        ),
    ]);
}

#[test]
fn a_word_or_amount_that_is_none_is_told_with_what_would_be_right() {
    assert_faults(&[
        (
            "budget.spend_per_month = \"2,000.00\"",
            r#"t.toml:1:26: budget.spend_per_month = "2,000.00": not an amount; write digits with a point, like "25.00", or "unlimited""#,
        ),
        (
            "budget.spend_per_month = \"-1.00\"",
            r#"t.toml:1:26: budget.spend_per_month = "-1.00": less than nothing; write digits with a point, like "25.00", or "unlimited""#,
        ),
        (
            "budget.currency = \"aud\"",
            r#"t.toml:1:19: budget.currency = "aud": not a currency; write three capital letters, like "AUD""#,
        ),
        (
            "purchases.mode = \"dry\"",
            r#"t.toml:1:18: purchases.mode = "dry": no such mode; write live or rehearsal"#,
        ),
        (
            "purchases.types = [\"sms\", \"fax\"]",
            r#"t.toml:1:27: purchases.types[1] = "fax": not a message type; write sms, mms or voice"#,
        ),
        (
            "purchases.types = []",
            "t.toml:1:19: purchases.types = []: nothing listed; write sms, mms or voice",
        ),
        (
            "auth.token_header = \"X Token\"",
            r#"t.toml:1:21: auth.token_header = "X Token": not a header's name; write a header's name, like "X-Goog-IAP-JWT-Assertion""#,
        ),
        (
            "storage.url = \"mysql:x\"",
            r#"t.toml:1:15: storage.url = "mysql:x": not a database; write sqlite: and a path, like "sqlite:data/gateway.db", or a URL, like "postgres://user@host/database""#,
        ),
        (
            "storage.url = \"sqlite::memory:\"",
            r#"t.toml:1:15: storage.url = "sqlite::memory:": a database in memory forgets purchases; write sqlite: and a path, like "sqlite:data/gateway.db", or a URL, like "postgres://user@host/database""#,
        ),
        (
            "storage.url = \"postgres://gw:hunter2@db/x\"",
            r#"t.toml:1:15: storage.url = "postgres://[redacted]@db/x": a password in the URL; it belongs into storage.password_file; write sqlite: and a path, like "sqlite:data/gateway.db", or a URL, like "postgres://user@host/database""#,
        ),
        (
            "upstream.ca_file = \"src\"",
            r#"t.toml:1:20: upstream.ca_file = "src": is a folder; name a file that the gateway may read, relative to its working directory or absolute"#,
        ),
        (
            "telemetry.log_format = \"xml\"",
            r#"t.toml:1:24: telemetry.log_format = "xml": no such format; write json or text"#,
        ),
        (
            "compat.search_shape = \"array\"",
            r#"t.toml:1:23: compat.search_shape = "array": no such shape; write object or list"#,
        ),
        (
            "purchases.preexisting_visible_to = \"me\"",
            r#"t.toml:1:36: purchases.preexisting_visible_to = "me": nobody is called that; write all or all_teams_roles"#,
        ),
        (
            "server.listen = \"\"",
            r#"t.toml:1:17: server.listen: missing; write an IP address and a port, like "127.0.0.1:8080" or "[::]:8080""#,
        ),
    ]);
}

#[test]
fn a_value_beyond_its_bounds_is_told_the_bounds() {
    assert_faults(&[
        (
            "retention.personal_data = \"23h\"",
            r#"t.toml:1:27: retention.personal_data = "23h": out of range; write something from 1d to 3650d"#,
        ),
        (
            "upstream.reserved_for_buying = \"91%\"",
            r#"t.toml:1:32: upstream.reserved_for_buying = "91%": out of range; write something from 0% to 90%"#,
        ),
        (
            "cache.max_bytes = \"1023KiB\"",
            r#"t.toml:1:19: cache.max_bytes = "1023KiB": out of range; write something from 1MiB to 16GiB"#,
        ),
        (
            "cache.stale_for = \"25h\"",
            r#"t.toml:1:19: cache.stale_for = "25h": out of range; write something from 1s to 24h"#,
        ),
        (
            "upstream.connect_timeout = \"0s\"",
            r#"t.toml:1:28: upstream.connect_timeout = "0s": out of range; write something from 100ms to 60s"#,
        ),
        (
            "limits.reads.per_second = 0",
            "t.toml:1:27: limits.reads.per_second = 0: zero; write a whole number from 1 to 4294967295",
        ),
        (
            "limits.writes = { per_minute = -1 }",
            "t.toml:1:32: limits.writes.per_minute = -1: not such a number; write a whole number from 1 to 4294967295",
        ),
        (
            "limits.misses = { burst = 99999999999999999999 }",
            "t.toml:1:27: limits.misses.burst = 99999999999999999999: a number beyond 64 bits does not belong here; write a whole number from 1 to 4294967295",
        ),
        (
            "purchases.resolve_people = 6",
            "t.toml:1:28: purchases.resolve_people = 6: out of range; write something from 1 to 5",
        ),
    ]);
}

#[test]
fn an_unknown_key_is_told_what_was_meant_and_never_its_value() {
    assert_faults(&[
        ("[server]\nlisen = \"x\"", "t.toml:2:1: server.lisen: no such key; did you mean listen?"),
        ("[upstrem]\napi_key = \"k\"", "t.toml:1:2: upstrem: no such key; did you mean upstream?"),
        ("upstream.apikey = \"k\"", "t.toml:1:10: upstream.apikey: no such key; did you mean api_key?"),
        ("[ops]\nworkers = 4", "t.toml:2:1: ops.workers: no such key; keys here are listen"),
        (
            "[limits]\nreads = { per_minute = 60 }",
            "t.toml:2:11: limits.reads.per_minute: no such key; keys here are per_second, burst",
        ),
        ("[teams.growth]\nbuget = { }", "t.toml:2:1: teams.growth.buget: no such key; did you mean budget?"),
        (
            "server = 5",
            "t.toml:1:10: server: a whole number where a section belongs; write its keys: body_timeout, drain_delay, drain_grace, header_timeout, hosts, idle_timeout, listen, max_connections, max_connections_per_address, public_url, tls, trusted_proxies",
        ),
    ]);
}

#[test]
fn a_text_that_is_no_toml_is_told_every_place() {
    let told = faults("[server\nlisten = 1\n[ops]\nlisten = \n[cache]\nfresh_for = x = 2\n");
    let places: Vec<&str> =
        told.lines().map(|line| line.split_once(": not TOML: ").unwrap_or_default().0).collect();
    assert_eq!(places, ["t.toml:1:8", "t.toml:4:10", "t.toml:6:13", "t.toml:6:15"], "{told}");
    assert!(told.lines().all(|line| line.ends_with("; nothing else was looked at until this is mended")));
    assert!(faults("a = 1\na = 2").starts_with("t.toml:2:1: not TOML: duplicate key"));
}

#[test]
fn an_issuer_says_what_it_lacks() {
    let with = |lines: &str| faults(&format!("{ISSUER}{lines}"));
    let only = |lines: &str, expected: &str| assert_eq!(with(lines), expected, "{lines}");
    only(
        "algorithms = [\"ES256\"]",
        "t.toml:2:1: auth.issuers[0].jwks_url: no source of keys; set exactly one of jwks_url, discover = true, jwks_file, public_key_file and secret_file",
    );
    only(
        "algorithms = [\"ES256\"]\njwks_url = \"https://login.example.com/keys\"\ndiscover = true",
        "t.toml:8:12: auth.issuers[0].discover = true: a second source of keys beside jwks_url; set exactly one of jwks_url, discover = true, jwks_file, public_key_file and secret_file",
    );
    only(
        "discover = true",
        "t.toml:2:1: auth.issuers[0].algorithms: nothing listed; write HS256, RS256, PS256, ES256, ES384 or EdDSA",
    );
    only(
        "discover = true\nalgorithms = [\"ES512\"]",
        r#"t.toml:7:15: auth.issuers[0].algorithms[0] = "ES512": no such algorithm here; write HS256, RS256, PS256, ES256, ES384 or EdDSA"#,
    );
    only(
        "discover = true\nalgorithms = [\"ES256\", \"HS256\"]",
        r#"t.toml:7:14: auth.issuers[0].algorithms = ["ES256", "HS256"]: HS256 with public keys; write algorithms of public keys (RS256, PS256, ES256, ES384, EdDSA), or use secret_file"#,
    );
    only(
        "secret_file = \"Cargo.toml\"\nalgorithms = [\"RS256\"]",
        r#"t.toml:7:14: auth.issuers[0].algorithms = ["RS256"]: a shared secret signs with HMAC only; write ["HS256"]"#,
    );
    only(
        "public_key_file = \"Cargo.toml\"\nalgorithms = [\"RS256\", \"PS256\"]",
        r#"t.toml:7:14: auth.issuers[0].algorithms = ["RS256", "PS256"]: several algorithms for one key; write the one the key is for"#,
    );
    only(
        "public_key_file = \"no/such/key.pem\"\nalgorithms = [\"HS256\"]",
        r#"t.toml:6:19: auth.issuers[0].public_key_file = "no/such/key.pem": cannot be read: No such file or directory (os error 2); name a file that the gateway may read, relative to its working directory or absolute"#,
    );
    only(
        "jwks_url = \"http://login.example.com/keys\"\nalgorithms = [\"ES256\"]",
        r#"t.toml:6:12: auth.issuers[0].jwks_url = "http://login.example.com/keys": keys fetched in the clear; write an https URL (plain http only to this machine)"#,
    );
    only(
        "discover = true\nkid = \"k1\"\nalgorithms = [\"ES256\"]",
        r#"t.toml:7:7: auth.issuers[0].kid = "k1": a key set names its keys itself; leave kid out"#,
    );
    only(
        "discover = true\nalgorithms = [\"ES256\"]\nmax_lifetime = \"366d\"",
        r#"t.toml:8:16: auth.issuers[0].max_lifetime = "366d": out of range; write something from 1m to 365d"#,
    );
    only(
        "discover = true\nalgorithms = [\"ES256\"]\nrole_map = { \"Numbers Admins\" = \"admin\" }",
        r#"t.toml:8:33: auth.issuers[0].role_map."Numbers Admins" = "admin": no such role; write viewer, requester, approver, application, finance, auditor or administrator"#,
    );
}

#[test]
fn a_rule_says_what_it_lacks() {
    let with = |lines: &str| faults(&format!("[[policy.rules]]\nname = \"r\"\n{lines}"));
    let only = |lines: &str, expected: &str| assert_eq!(with(lines), expected, "{lines}");
    only(
        "then = { deny = \"no\" }",
        "t.toml:1:1: policy.rules[0].when: missing; write what it applies to, or when = {} for everything",
    );
    only(
        "when = {}",
        r#"t.toml:1:1: policy.rules[0].then: missing; write "allow", { deny = "why" } or { approvals = 1 }"#,
    );
    only(
        "when = {}\nthen = \"deny\"",
        r#"t.toml:4:8: policy.rules[0].then = "deny": no such verdict; write "allow", { deny = "why" } or { approvals = 1 }"#,
    );
    only(
        "when = { countries = [\"XX\"] }\nthen = { deny = \"no\" }",
        r#"t.toml:3:23: policy.rules[0].when.countries[0] = "XX": not a country; write two letters of ISO 3166-1, like "AU""#,
    );
    only(
        "when = { teams = [] }\nthen = { deny = \"no\" }",
        "t.toml:3:18: policy.rules[0].when.teams = []: an empty list; list something, or leave the key out to match everything",
    );
    only(
        "when = { action = \"register\", max_total = \"1.00\" }\nthen = { deny = \"no\" }",
        r#"t.toml:3:43: policy.rules[0].when.max_total = "1.00": a registration has none; leave it out of rules for registrations"#,
    );
    only(
        "when = {}\nthen = { deny = \"no\", expires_after = \"1h\" }",
        "t.toml:4:23: policy.rules[0].then.expires_after: does not go with the other keys; leave it out",
    );
}

#[test]
fn a_registration_profile_has_clicksends_lengths() {
    let told = faults(
        "[registration_profiles.acme]\nbusiness_name = \"A\"\nbusiness_address = \"PO 1\"\nsuburb = \"Perth\"\n\
         postcode = \"6\"\nstate = \"WA\"\ncontact_name = \"Ann Lee\"\ncontact_number = \"0412\"\ncountry = \"Oz\"",
    );
    assert_eq!(
        told,
        "t.toml:2:17: registration_profiles.acme.business_name = \"A\": too short or too long; write 2 to 100 characters\n\
         t.toml:3:20: registration_profiles.acme.business_address = \"PO 1\": too short or too long; write 5 to 150 characters\n\
         t.toml:5:12: registration_profiles.acme.postcode = \"6\": too short or too long; write 2 to 20 characters\n\
         t.toml:8:18: registration_profiles.acme.contact_number = \"0412\": not a contact number; write 6 to 20 of digits, space, +, (, ) and -\n\
         t.toml:9:11: registration_profiles.acme.country = \"Oz\": not a country; write two letters of ISO 3166-1, like \"AU\""
    );
}

#[test]
fn all_faults_come_at_once_by_place() {
    let told = faults_with(
        "[server]\nlisten = \"here\"\nworkers = 2\n[upstream]\nbase_url = \"ftp://x\"\nbuy_timeout = \"99d\"\n\
         [limits.reads]\nburst = 0\n[teams.Growth]\nname = 5\n[cache]\nfresh_for = \"60s\"\nstale_for = \"30s\"\n",
        &[("GATEWAY__TELEMETRY__SAMPLE", "half"), ("GATEWAY__PURCHASES__MODE", "dress")],
    );
    let places: Vec<&str> = told.lines().map(|line| line.split_once(": ").unwrap().0).collect();
    assert_eq!(
        places,
        [
            "t.toml:2:10",
            "t.toml:3:1",
            "t.toml:5:12",
            "t.toml:6:15",
            "t.toml:8:9",
            "t.toml:9:8",
            "t.toml:10:8",
            "t.toml:13:13",
            "environment variable GATEWAY__PURCHASES__MODE",
            "environment variable GATEWAY__TELEMETRY__SAMPLE",
        ],
        "{told}"
    );
}
