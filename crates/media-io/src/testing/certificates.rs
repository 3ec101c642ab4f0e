//! Certificates good and bad, made by the `openssl` program into a folder of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::scratch_dir;

/// A folder with a CA; gone when dropped.
pub(crate) struct Certificates {
    pub(crate) dir: PathBuf,
    /// The CA's PEM file.
    pub(crate) ca: String,
}

/// The files of one server.
pub(crate) struct Certificate {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let dir = scratch_dir("tls");
        let mut made = Self {
            dir,
            ca: String::new(),
        };
        made.ca = made.authority("ca").chain;
        made
    }

    /// Signed by the CA, for one host.
    pub(crate) fn server(&self, name: &str, host: &str) -> Certificate {
        let san = format!("subjectAltName=DNS:{host},IP:127.0.0.1");
        self.signed(name, "ca", &san)
    }

    /// Signed by the CA, the host only in its CN.
    pub(crate) fn cn_only(&self) -> Certificate {
        self.signed("localhost", "ca", "keyUsage=digitalSignature")
    }

    /// Signed by the CA, past its time.
    pub(crate) fn expired(&self) -> Certificate {
        let (made, ca) = (self.files("expired"), self.files("ca"));
        let (request, extensions) = self.request("expired", "subjectAltName=DNS:localhost");
        let config = self.path("ca.conf");
        let dir = self.dir.display();
        let text = format!(
            "[ca]\ndefault_ca=d\n[d]\ndatabase={dir}/index\nserial={dir}/serial\n\
             new_certs_dir={dir}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
        );
        std::fs::write(&config, text).unwrap();
        std::fs::write(self.path("index"), "").unwrap();
        std::fs::write(self.path("serial"), "77\n").unwrap();
        self.openssl(&[
            "ca",
            "-batch",
            "-notext",
            "-config",
            &config,
            "-cert",
            &ca.chain,
            "-keyfile",
            &ca.key,
            "-in",
            &request,
            "-out",
            &made.chain,
            "-extfile",
            &extensions,
            "-startdate",
            "20200101000000Z",
            "-enddate",
            "20210101000000Z",
        ]);
        made
    }

    /// Signed by a CA that nobody trusts.
    pub(crate) fn stranger(&self) -> Certificate {
        self.authority("strange-ca");
        self.signed("strange", "strange-ca", "subjectAltName=DNS:localhost")
    }

    /// CA and server at once.
    pub(crate) fn self_signed_ca(&self) -> Certificate {
        self.authority("self")
    }

    /// A self-signed CA; made once.
    fn authority(&self, name: &str) -> Certificate {
        let made = self.files(name);
        if Path::new(&made.chain).exists() {
            return made;
        }
        self.openssl(&[
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            &format!("/CN={name}"),
            "-days",
            "30",
            "-keyout",
            &made.key,
            "-out",
            &made.chain,
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "subjectAltName=DNS:localhost",
        ]);
        made
    }

    fn signed(&self, name: &str, ca: &str, extension: &str) -> Certificate {
        let (made, ca) = (self.files(name), self.files(ca));
        let (request, extensions) = self.request(name, extension);
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &ca.chain,
            "-CAkey",
            &ca.key,
            "-days",
            "30",
            "-CAcreateserial",
            "-out",
            &made.chain,
            "-extfile",
            &extensions,
        ]);
        made
    }

    /// A key and a signing request for it, and a file with the extension to sign into it.
    fn request(&self, name: &str, extension: &str) -> (String, String) {
        let request = self.path(&format!("{name}.csr"));
        let extensions = self.path(&format!("{name}.ext"));
        std::fs::write(&extensions, extension).unwrap();
        self.openssl(&[
            "req",
            "-nodes",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            &format!("/CN={name}"),
            "-keyout",
            &self.files(name).key,
            "-out",
            &request,
        ]);
        (request, extensions)
    }

    fn files(&self, name: &str) -> Certificate {
        Certificate {
            chain: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
        }
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {errors}");
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
