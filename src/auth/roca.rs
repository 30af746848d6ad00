//! RSA keys of a generator whose primes can be guessed (ROCA, CVE-2017-15361): smart cards and TPMs of years.
//!
//! Its primes, and so its moduli, are powers of 65537 modulo every small prime. That a sound modulus is so for all of
//! them by chance happens once in a hundred million keys.

/// The primes up to 167, which the generator used for keys of every size.
const SMALL_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR: u32 = 65537;

/// Whether a modulus, big-endian, has the fingerprint.
pub(super) fn made(modulus: &[u8]) -> bool {
    SMALL_PRIMES.into_iter().all(|prime| {
        let residue = modulus.iter().fold(0, |residue, byte| (residue * 256 + u32::from(*byte)) % prime);
        is_power(residue, prime)
    })
}

/// Whether a residue is a power of the generator modulo a prime.
fn is_power(residue: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == residue {
            return true;
        }
        power = power * (GENERATOR % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}
