//! A certificate authority for the tests.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair,
};

/// A certificate authority, and a server's certificate that it signed.
pub(crate) struct Authority {
    /// The authority's certificate, as PEM.
    pub(crate) pem: String,
    /// The server's certificate.
    pub(crate) server: Certificate,
    /// The server's key.
    pub(crate) key: KeyPair,
}

impl Authority {
    /// A new authority, and a certificate for this host name or address.
    pub(crate) fn of(server: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, format!("authority {}", uuid::Uuid::new_v4()));
        params.distinguished_name = name;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own_key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&own_key).unwrap().pem();
        let issuer = Issuer::new(params, own_key);
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec![server.to_owned()]).unwrap();
        let server = server.signed_by(&key, &issuer).unwrap();
        Self { pem, server, key }
    }
}
