//! A witness, made by hand as C2SP's `tlog-cosignature` says.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use data_encoding::{BASE64, HEXLOWER};
use sha2::Digest as _;

/// Its name.
const NAME: &str = "witness.example/1";

pub struct Witness {
    pair: Ed25519KeyPair,
}

impl Witness {
    pub fn new() -> Self {
        Self { pair: Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap() }
    }

    fn bytes(&self) -> Vec<u8> {
        [&[4], self.pair.public_key().as_ref()].concat()
    }

    fn id(&self) -> Vec<u8> {
        sha2::Sha256::digest([NAME.as_bytes(), b"\n", &self.bytes()].concat())[..4].to_vec()
    }

    /// Its key, for the settings.
    pub fn key(&self) -> String {
        format!("{NAME}+{}+{}", HEXLOWER.encode(&self.id()), BASE64.encode(&self.bytes()))
    }

    /// Its line for a checkpoint.
    pub fn cosign(&self, note: &str, time: u64) -> String {
        let (text, _) = note.split_once("\n\n").unwrap();
        let signature = self.pair.sign(format!("cosignature/v1\ntime {time}\n{text}\n").as_bytes());
        let bytes = [&self.id(), time.to_be_bytes().as_slice(), signature.as_ref()].concat();
        format!("\u{2014} {NAME} {}\n", BASE64.encode(&bytes))
    }
}
