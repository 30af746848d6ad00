//! The signature of Standard Webhooks: HMAC-SHA-256 over id, timestamp and body, so that none of the three can be
//! exchanged.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice};

/// What every symmetric secret begins with.
const PREFIX: &str = "whsec_";

/// Signs for one receiver.
pub(super) struct Signer(hmac::Key);

/// A secret that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its secret is not whsec_ and the base64 of 24 to 64 bytes")]
pub struct SecretFault;

impl Signer {
    /// A signer with a secret as the receiver knows it.
    pub(super) fn new(secret: &str) -> Result<Self, SecretFault> {
        let key =
            STANDARD.decode(secret.strip_prefix(PREFIX).ok_or(SecretFault)?).map_err(|_| SecretFault)?;
        let key = SecretSlice::from(key);
        if !(24..=64).contains(&key.expose_secret().len()) {
            return Err(SecretFault);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret())))
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut signing = hmac::Context::with_key(&self.0);
        signing.update(format!("{id}.{timestamp}.").as_bytes());
        signing.update(body);
        format!("v1,{}", STANDARD.encode(signing.sign().as_ref()))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::Signer;

    /// The example of the specification, and of each of its libraries' tests.
    #[test]
    fn the_vector_of_the_specification_comes_out() {
        let signer = Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_written_as_the_specification_says() {
        for wrong in
            ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all!"]
        {
            assert!(Signer::new(wrong).is_err(), "{wrong}");
        }
    }
}
