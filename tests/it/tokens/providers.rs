//! The examples for identity providers: each file is loaded as it stands, with the provider's address replaced by a
//! server of the test's, and lets in a token in the shape that the provider sends.
//!
//! Shapes follow the providers' documentation, member by member; the keys are made here.

use std::path::Path;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use numbers_gateway::app;
use numbers_gateway::auth::KeyState;
use numbers_gateway::clock::Clock;
use numbers_gateway::config::{self, Sources};
use numbers_gateway::domain::principal::Role;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::forge::{Forge, merge};

/// What a provider publishes and sends. `%url%` is where its server is.
struct Provider {
    file: &'static str,
    /// The part of its addresses that is replaced.
    host: &'static str,
    /// Where its discovery document is and what it says, if we ask for it.
    discovery: Option<(&'static str, Value)>,
    keys_at: &'static str,
    /// What its keys have beside the numbers, and what the set has besides.
    jwk: Value,
    set: Value,
    header: Value,
    claims: Value,
    subject: &'static str,
}

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const GROUP: &str = "99999999-8888-7777-6666-555555555555";

impl Provider {
    fn algorithm(&self) -> &str {
        self.header["alg"].as_str().unwrap()
    }

    async fn lets_in(self) {
        let forge = if self.algorithm() == "ES256" { Forge::p256() } else { Forge::rsa() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let here = |value: &Value| -> Value {
            serde_json::from_str(&value.to_string().replace("%url%", &url)).unwrap()
        };
        let mut set = here(&self.set);
        let mut keys = vec![forge.jwk(&here(&self.jwk))];
        keys.extend(set["keys"].as_array().cloned().unwrap_or_default());
        merge(&mut set, &json!({"keys": keys}));
        let mut served = vec![(self.keys_at.to_owned(), set.to_string())];
        served.extend(
            self.discovery.as_ref().map(|(path, document)| ((*path).to_owned(), here(document).to_string())),
        );
        let site = Router::new().fallback(serve).with_state(served);
        tokio::task::spawn(async move { axum::serve(listener, site).await.unwrap() });

        let path = Path::new("config/examples/sso").join(self.file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(self.host), "{}", path.display());
        let loaded = config::load(&Sources::from_text(self.file, &text.replace(self.host, &url)));
        let config = loaded.unwrap_or_else(|faults| panic!("{faults}")).config;
        let verifier = app::verifier(&config, Clock::system()).unwrap();

        let now = jiff::Timestamp::now().as_second();
        let mut claims = here(&self.claims);
        merge(&mut claims, &json!({"iat": now, "exp": now + 600}));
        if claims.get("nbf").is_some() {
            merge(&mut claims, &json!({"nbf": now}));
        }
        let token = forge.token(&self.header.to_string(), claims.to_string());
        let explained = verifier.explain(&token).await;
        let principal = explained.outcome.unwrap_or_else(|_| panic!("{:#?}", explained.steps));
        assert_eq!(principal.person.subject, self.subject, "{}", self.file);
        assert!(principal.has(Role::Requester) && principal.may_approve, "{}", self.file);
        assert!(principal.teams.iter().any(|team| team.as_str() == "growth"), "{}", self.file);
        let health = verifier.issuers_health();
        assert!(health.iter().all(|issuer| issuer.state == KeyState::Fresh), "{health:?}");

        let strangers =
            forge.token(&self.header.to_string(), claims.to_string().replace("\"aud\":", "\"audience\":"));
        assert!(verifier.verify(&strangers).await.is_err(), "{}: for nobody", self.file);
    }
}

async fn serve(State(served): State<Vec<(String, String)>>, uri: Uri) -> (StatusCode, String) {
    match served.into_iter().find(|(path, _)| path == uri.path()) {
        Some((_, body)) => (StatusCode::OK, body),
        None => (StatusCode::NOT_FOUND, String::new()),
    }
}

/// A signing key of Entra's: no `alg`, a certificate besides.
fn entra_key(issuer: &str) -> Value {
    json!({
        "use": "sig", "kid": "CNv0OI3RwqlHFEVnaoMAshCH2XE", "x5t": "CNv0OI3RwqlHFEVnaoMAshCH2XE",
        "x5c": ["MIIC/jCCAeagAwIBAgIJ"], "cloud_instance_name": "microsoftonline.com", "issuer": issuer,
    })
}

#[tokio::test]
async fn entra_version_2() {
    let issuer = format!("%url%/{TENANT}/v2.0");
    Provider {
        file: "entra-v2.toml",
        host: "https://login.microsoftonline.com",
        discovery: Some((
            "/11111111-2222-3333-4444-555555555555/v2.0/.well-known/openid-configuration",
            json!({
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "jwks_uri": format!("%url%/{TENANT}/discovery/v2.0/keys"),
                "subject_types_supported": ["pairwise"], "issuer": issuer, "request_uri_parameter_supported": false,
                "tenant_region_scope": "OC", "cloud_graph_host_name": "graph.windows.net",
            }),
        )),
        keys_at: "/11111111-2222-3333-4444-555555555555/discovery/v2.0/keys",
        jwk: entra_key(&issuer),
        set: json!({}),
        header: json!({"typ": "JWT", "alg": "RS256", "kid": "CNv0OI3RwqlHFEVnaoMAshCH2XE"}),
        claims: json!({
            "aud": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "iss": issuer, "nbf": 0,
            "aio": "AWQAm/8TAAAA", "azp": "6e74172b-be56-4843-9ff4-e66a39bb12e3", "azpacr": "0",
            "groups": [GROUP], "name": "Ann Lee", "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            "preferred_username": "ann@example.com", "rh": "I", "roles": ["Numbers.Request"],
            "scp": "access_as_user", "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "tid": TENANT,
            "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "2.0",
        }),
        subject: "690222be-ff1a-4d56-abd1-7e4f7d38e474",
    }
    .lets_in()
    .await;
}

#[tokio::test]
async fn entra_version_1() {
    Provider {
        file: "entra-v1.toml",
        host: "https://login.microsoftonline.com",
        discovery: None,
        keys_at: "/11111111-2222-3333-4444-555555555555/discovery/keys",
        jwk: entra_key("https://sts.windows.net/{tenantid}/"),
        set: json!({}),
        header: json!({
            "typ": "JWT", "alg": "RS256", "x5t": "CNv0OI3RwqlHFEVnaoMAshCH2XE", "kid": "CNv0OI3RwqlHFEVnaoMAshCH2XE",
        }),
        claims: json!({
            "aud": "api://numbers-gateway", "iss": format!("https://sts.windows.net/{TENANT}/"), "nbf": 0, "acr": "1",
            "aio": "AXQAi/8IAAAA", "amr": ["pwd", "mfa"], "appid": "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
            "appidacr": "0", "family_name": "Lee", "given_name": "Ann", "groups": [GROUP], "ipaddr": "198.51.100.7",
            "name": "Ann Lee", "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "rh": "0.A", "roles": ["Numbers.Request"],
            "scp": "user_impersonation", "sub": "5_J9rSss8-jvt_Icu6ueRNL8xXb8LF4Fsg_KooC2RJQ", "tid": TENANT,
            "unique_name": "ann@example.com", "upn": "ann@example.com", "uti": "z3ld", "ver": "1.0",
        }),
        subject: "690222be-ff1a-4d56-abd1-7e4f7d38e474",
    }
    .lets_in()
    .await;
}

#[tokio::test]
async fn keycloak() {
    let issuer = "%url%/realms/company";
    let encryption = Forge::rsa().jwk(&json!({
        "kid": "6GzqkpbKLM0o1Yz9aP2vTz0mOQ", "use": "enc", "alg": "RSA-OAEP", "x5c": ["MIIC"], "x5t": "a", "x5t#S256": "b",
    }));
    Provider {
        file: "keycloak.toml",
        host: "https://sso.example.com",
        discovery: Some((
            "/realms/company/.well-known/openid-configuration",
            json!({
                "issuer": issuer, "jwks_uri": "%url%/realms/company/protocol/openid-connect/certs",
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "mtls_endpoint_aliases": {"token_endpoint": "%url%/realms/company/protocol/openid-connect/token"},
            }),
        )),
        keys_at: "/realms/company/protocol/openid-connect/certs",
        jwk: json!({
            "kid": "FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE", "alg": "RS256", "use": "sig", "x5c": ["MIIC"],
            "x5t": "a", "x5t#S256": "b",
        }),
        set: json!({"keys": [encryption]}),
        header: json!({"alg": "RS256", "typ": "JWT", "kid": "FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE"}),
        claims: json!({
            "auth_time": 1, "jti": "onrtac:9d8a6c2e-6f0b-4b7e-8f4c-0c1d7b8e9f10", "iss": issuer,
            "aud": ["numbers-gateway", "account"], "sub": "f3a1c2d4-0000-4000-8000-000000000001", "typ": "Bearer",
            "azp": "crm", "sid": "3c9e", "acr": "1", "allowed-origins": ["https://crm.example.com"],
            "realm_access": {"roles": ["default-roles-company", "offline_access", "numbers-users"]},
            "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
            "scope": "openid email profile", "email_verified": true, "name": "Ann Lee", "groups": ["/Growth", "/Staff"],
            "preferred_username": "ann", "given_name": "Ann", "family_name": "Lee", "email": "ann@example.com",
        }),
        subject: "f3a1c2d4-0000-4000-8000-000000000001",
    }
    .lets_in()
    .await;
}

#[tokio::test]
async fn okta() {
    let issuer = "%url%/oauth2/default";
    let kid = "iKqiD4cr7FZKm6f05K4r-GQOvjRqjOeFmOho9V7SAXYwCF2aDBN0";
    Provider {
        file: "okta.toml",
        host: "https://company.okta.com",
        discovery: Some((
            "/oauth2/default/.well-known/openid-configuration",
            json!({"issuer": issuer, "jwks_uri": "%url%/oauth2/default/v1/keys", "claims_supported": ["ver", "jti"]}),
        )),
        keys_at: "/oauth2/default/v1/keys",
        jwk: json!({"alg": "RS256", "use": "sig", "kid": kid}),
        set: json!({}),
        header: json!({"kid": kid, "alg": "RS256"}),
        claims: json!({
            "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "iss": issuer,
            "aud": "api://numbers-gateway", "cid": "0oacqf8qaJw56czJi0g4", "uid": "00ujmkLgagxeRrAg20g3",
            "scp": ["openid", "profile"], "auth_time": 1, "sub": "ann@example.com",
            "groups": ["Everyone", "numbers-requesters", "numbers-growth"],
        }),
        subject: "00ujmkLgagxeRrAg20g3",
    }
    .lets_in()
    .await;
}

#[tokio::test]
async fn auth0() {
    let kid = "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg";
    Provider {
        file: "auth0.toml",
        host: "https://company.eu.auth0.com",
        discovery: Some((
            "/.well-known/openid-configuration",
            json!({
                "issuer": "%url%/", "jwks_uri": "%url%/.well-known/jwks.json",
                "mfa_challenge_endpoint": "%url%/mfa/challenge",
            }),
        )),
        keys_at: "/.well-known/jwks.json",
        jwk: json!({"alg": "RS256", "use": "sig", "kid": kid, "x5t": kid, "x5c": ["MIIC"]}),
        set: json!({}),
        header: json!({"alg": "RS256", "typ": "at+jwt", "kid": kid}),
        claims: json!({
            "https://numbers.example.com/team": "growth", "https://numbers.example.com/roles": ["Numbers Requester"],
            "https://numbers.example.com/email": "ann@example.com", "iss": "%url%/",
            "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "aud": ["https://numbers.example.com", "%url%/userinfo"],
            "scope": "openid profile email", "jti": "4Yf2", "client_id": "my_client_id",
        }),
        subject: "auth0|5f7c8ec7c33c6c004bbafe82",
    }
    .lets_in()
    .await;
}

#[tokio::test]
async fn google_identity_aware_proxy() {
    Provider {
        file: "google-iap.toml",
        host: "https://www.gstatic.com",
        discovery: None,
        keys_at: "/iap/verify/public_key-jwk",
        jwk: json!({"alg": "ES256", "use": "sig", "kid": "0oeLcQ"}),
        set: json!({}),
        header: json!({"alg": "ES256", "typ": "JWT", "kid": "0oeLcQ"}),
        claims: json!({
            "aud": "/projects/123456789012/global/backendServices/1234567890123456789", "azp": "/projects/123456789012",
            "email": "ann@example.com", "hd": "example.com", "iss": "https://cloud.google.com/iap",
            "google": {"access_levels": ["accessPolicies/518551280924/accessLevels/recentSecureConnectData"]},
            "identity_source": "GOOGLE", "sub": "accounts.google.com:112233445566778899000",
        }),
        subject: "accounts.google.com:112233445566778899000",
    }
    .lets_in()
    .await;
}

#[tokio::test]
async fn cognito() {
    let kid = "abcdefghijklmnopqrsexample/+=";
    Provider {
        file: "cognito.toml",
        host: "https://cognito-idp.ap-southeast-2.amazonaws.com",
        discovery: None,
        keys_at: "/ap-southeast-2_AbCdEfGhI/.well-known/jwks.json",
        jwk: json!({"alg": "RS256", "use": "sig", "kid": kid}),
        set: json!({}),
        header: json!({"kid": kid, "alg": "RS256"}),
        claims: json!({
            "sub": "aaaaaaaa-bbbb-cccc-dddd-example", "cognito:groups": ["numbers-requesters"], "email_verified": true,
            "iss": "%url%/ap-southeast-2_AbCdEfGhI", "cognito:username": "ann", "custom:team": "growth",
            "origin_jti": "aaaa", "aud": "1example23456789exampleabc", "event_id": "64f513be", "token_use": "id",
            "auth_time": 1, "jti": "bbbb", "email": "ann@example.com",
        }),
        subject: "aaaaaaaa-bbbb-cccc-dddd-example",
    }
    .lets_in()
    .await;
}

#[tokio::test]
async fn cloudflare_access() {
    let kid = "1a1c3986a44ce6390be42ec772b031df8f433fdc71716db821dc0c39af3bce49";
    Provider {
        file: "cloudflare-access.toml",
        host: "https://company.cloudflareaccess.com",
        discovery: None,
        keys_at: "/cdn-cgi/access/certs",
        jwk: json!({"alg": "RS256", "use": "sig", "kid": kid}),
        set: json!({
            "public_cert": {"kid": kid, "cert": "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n"},
            "public_certs": [{"kid": kid, "cert": "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n"}],
        }),
        header: json!({"kid": kid, "alg": "RS256", "typ": "JWT"}),
        claims: json!({
            "aud": ["32eafc7626e737e4b5d1a1ec1ff5a1a9b1a7c1b0d4b1f8e1f0c8a9e8d7c6b5a4"], "email": "ann@example.com",
            "nbf": 0, "iss": "%url%", "type": "app", "identity_nonce": "6ei69kawdKzMIAPF",
            "sub": "7335d417-61da-459d-899c-0a01c76a2f94", "country": "AU",
            "custom": {"groups": ["everyone", "numbers-requesters", "numbers-growth"]},
        }),
        subject: "7335d417-61da-459d-899c-0a01c76a2f94",
    }
    .lets_in()
    .await;
}

#[test]
fn every_example_is_tried() {
    let here = include_str!("providers.rs");
    for entry in std::fs::read_dir("config/examples/sso").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(here.contains(&format!("file: \"{name}\"")), "{name} has no test");
    }
}
