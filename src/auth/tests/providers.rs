//! Key sets and tokens in the shapes that real issuers send. All of them must pass.

use serde_json::{Value, json};

use super::forge::{Door, Files, Forge, NOW, P256, RSA, merge, options};
use crate::auth::{ClaimNames, KeySource};
use crate::domain::principal::{Principal, Role};

/// What an issuer publishes and sends.
struct Provider {
    forge: &'static Forge,
    kid: &'static str,
    /// Changes of the published key, and other keys of the set.
    jwk: Value,
    others: Vec<Value>,
    header: Value,
    claims: Value,
    names: ClaimNames,
}

impl Provider {
    async fn principal(self) -> Principal {
        let files = Files::new();
        let mut jwk = self.forge.jwk(self.kid);
        merge(&mut jwk, &self.jwk);
        let mut keys = self.others;
        keys.push(jwk);
        let set = files.write("set", json!({"keys": keys}).to_string());
        let mut options = options(KeySource::JwksFile(set), &[self.forge.algorithm]);
        let audience = &self.claims["aud"];
        options.issuer = self.claims["iss"].as_str().unwrap().to_owned();
        options.audiences = vec![audience.as_str().or_else(|| audience[0].as_str()).unwrap().to_owned()];
        options.claims = self.names;
        options.role_map.insert("numbers-admins".to_owned(), Role::Administrator);
        let mut claims = self.claims;
        merge(&mut claims, &json!({"iat": NOW, "exp": NOW + 3600}));
        let token = self.forge.token(&self.header.to_string(), &claims.to_string());
        let door = Door::new(vec![options]);
        Principal::clone(&door.verifier.verify(&token).await.unwrap())
    }
}

fn roles_at(roles: &str) -> ClaimNames {
    ClaimNames { roles: roles.to_owned(), ..ClaimNames::default() }
}

#[tokio::test]
async fn entra_version_1_and_2_publish_no_algorithm() {
    for (iss, header) in [
        (
            "https://sts.windows.net/3d3c/",
            json!({"typ": "JWT", "alg": "RS256", "x5t": "T1St", "kid": "T1St"}),
        ),
        ("https://login.microsoftonline.com/3d3c/v2.0", json!({"typ": "JWT", "alg": "RS256", "kid": "T1St"})),
    ] {
        let provider = Provider {
            forge: &RSA,
            kid: "T1St",
            jwk: json!({
                "alg": null, "x5t": "T1St", "x5c": ["MIIC/TCCAeWgAwIBAgII"],
                "cloud_instance_name": "microsoftonline.com", "issuer": iss,
            }),
            others: vec![],
            header,
            claims: json!({
                "iss": iss, "aud": "api://numbers", "sub": "AAAAAKx", "oid": "0000-1111", "tid": "3d3c",
                "nbf": NOW, "ver": "1.0", "roles": ["numbers-admins"], "aio": "E2Zg", "acct": 0, "scp": "x y",
            }),
            names: ClaimNames { subject: "oid".to_owned(), ..ClaimNames::default() },
        };
        let principal = provider.principal().await;
        assert!(principal.has(Role::Administrator) && principal.person.subject == "0000-1111");
    }
}

#[tokio::test]
async fn keycloak_publishes_an_encryption_key_and_nests_roles() {
    let mut encryption = RSA.jwk("enc-1");
    merge(&mut encryption, &json!({"use": "enc", "alg": "RSA-OAEP", "x5c": ["MIIC"]}));
    let provider = Provider {
        forge: &RSA,
        kid: "FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE",
        jwk: json!({"x5c": ["MIIC"], "x5t": "a", "x5t#S256": "b"}),
        others: vec![encryption],
        header: json!({"alg": "RS256", "typ": "JWT", "kid": "FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE"}),
        claims: json!({
            "iss": "https://sso.example.com/realms/company", "aud": ["numbers", "account"], "typ": "Bearer",
            "sub": "f:1:ann", "jti": "onrtac:9d", "azp": "crm", "acr": "1", "allowed-origins": ["/*"],
            "realm_access": {"roles": ["offline_access", "numbers-admins"]},
            "resource_access": {"account": {"roles": ["view-profile"]}},
            "name": "", "preferred_username": "ann", "email_verified": false,
        }),
        names: roles_at("/realm_access/roles"),
    };
    assert!(provider.principal().await.has(Role::Administrator));
}

#[tokio::test]
async fn okta_sends_no_type_and_auth0_namespaces_its_claims() {
    let okta = Provider {
        forge: &RSA,
        kid: "iKqiD4cr7FZKm6f05K4r-GQOvjRqjOeFmOho9V7SAXYwCF2aDBN0",
        jwk: json!({}),
        others: vec![],
        header: json!({"kid": "iKqiD4cr7FZKm6f05K4r-GQOvjRqjOeFmOho9V7SAXYwCF2aDBN0", "alg": "RS256"}),
        claims: json!({
            "ver": 1, "jti": "AT.0mP4", "iss": "https://dev.okta.com/oauth2/default", "aud": "api://default",
            "cid": "0oa1", "uid": "00u1", "scp": ["openid"], "auth_time": NOW, "sub": "ann@example.com",
            "groups": ["Everyone", "numbers-admins"],
        }),
        names: roles_at("groups"),
    };
    assert!(okta.principal().await.has(Role::Administrator));

    let auth0 = Provider {
        forge: &RSA,
        kid: "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg",
        jwk: json!({"x5t": "NjVB", "x5c": ["MIIC"]}),
        others: vec![],
        header: json!({
            "alg": "RS256", "typ": "at+jwt", "kid": "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg",
        }),
        claims: json!({
            "iss": "https://company.auth0.com/", "sub": "auth0|5f7c", "scope": "openid",
            "aud": ["https://numbers.example.com", "https://company.auth0.com/userinfo"],
            "https://example.com/roles": ["numbers-admins"],
        }),
        names: roles_at("https://example.com/roles"),
    };
    assert!(auth0.principal().await.has(Role::Administrator));
}

#[tokio::test]
async fn identity_aware_proxies_pass() {
    let google = Provider {
        forge: &P256,
        kid: "0oeLcQ",
        jwk: json!({}),
        others: vec![],
        header: json!({"alg": "ES256", "typ": "JWT", "kid": "0oeLcQ"}),
        claims: json!({
            "iss": "https://cloud.google.com/iap", "aud": "/projects/1234/global/backendServices/5678",
            "sub": "accounts.google.com:1234", "email": "ann@example.com", "hd": "example.com",
            "google": {"access_levels": ["accessPolicies/1/accessLevels/2"]},
        }),
        names: roles_at("/google/access_levels"),
    };
    assert_eq!(google.principal().await.email.as_deref(), Some("ann@example.com"));

    let cloudflare = Provider {
        forge: &RSA,
        kid: "1e4f",
        jwk: json!({}),
        others: vec![],
        header: json!({"alg": "RS256", "kid": "1e4f", "typ": "JWT"}),
        claims: json!({
            "aud": ["737646a56ab1df6ec9bddc7e5ca84eaf3b0768850f3ffb5d74f1534911fe389"],
            "email": "ann@example.com", "iss": "https://company.cloudflareaccess.com", "nbf": NOW,
            "type": "app", "identity_nonce": "6ei69kawdKzMIAPF", "sub": "7335d417", "country": "AU",
            "custom": {"roles": ["numbers-admins"]},
        }),
        names: roles_at("/custom/roles"),
    };
    assert!(cloudflare.principal().await.has(Role::Administrator));
}

#[tokio::test]
async fn cognito_names_its_keys_in_plain_base64() {
    let provider = Provider {
        forge: &RSA,
        kid: "1234example+/=",
        jwk: json!({}),
        others: vec![],
        header: json!({"kid": "1234example+/=", "alg": "RS256"}),
        claims: json!({
            "sub": "aaaa-bbbb", "aud": "xxxxexample", "email_verified": true, "token_use": "id",
            "auth_time": NOW, "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a",
            "cognito:username": "ann", "cognito:groups": ["numbers-admins"],
        }),
        names: roles_at("cognito:groups"),
    };
    assert!(provider.principal().await.has(Role::Administrator));
}
