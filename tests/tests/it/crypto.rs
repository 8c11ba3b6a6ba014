//! crypto.subtle beside the world: tokens that jose has made in Node, keys and signatures of OpenSSL, and
//! what neighbours notice of long work.

use nano_tests::{Client, Dir, Nano, Options, request, run};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a program of others with this input; its standard output. What it does not manage fails the test.
#[track_caller]
fn foreign(program: &str, args: &[&str], folder: &Path, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    child.stdin.take().expect("piped").write_all(input).expect("it reads its input");
    let output = child.wait_with_output().expect("a child of ours");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
    output.stdout
}

fn jose() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps/jose");
    assert!(
        folder.join("node_modules/jose").is_dir(),
        "the packages of {} are not installed: cargo xtask test does so",
        folder.display()
    );
    folder
}

const VERIFIED: &str = "HS256 verified, RS256 verified, PS256 verified, ES256 verified, ES384 verified, ES512 verified, \
                        EdDSA verified";

#[test]
fn tokens_of_jose_verify_here_and_ours_in_node() {
    let folder = jose();
    let server = Nano::serve(&folder, Options::one_thread());
    let made = foreign("node", &["node.js", "make"], &folder, b"");
    let mut client = server.connect();
    let answer = client.send(request("POST", "/check", "localhost", &[], &made)).response();
    assert_eq!((answer.status, answer.text()), (200, VERIFIED.to_owned()));
    let ours = client.get("/make");
    assert_eq!(ours.status, 200, "{}", ours.text());
    let said = foreign("node", &["node.js", "check"], &folder, ours.text().as_bytes());
    assert_eq!(String::from_utf8_lossy(&said).trim(), VERIFIED);
    server.stop();
}

/// A key of OpenSSL's: what it is there and what it is here.
struct Kind {
    genpkey: &'static [&'static str],
    /// For importKey.
    import: &'static str,
    /// For sign and verify.
    sign: &'static str,
    /// OpenSSL's digest; none for Ed25519.
    digest: Option<&'static str>,
    /// More options for `openssl pkeyutl`.
    options: &'static [&'static str],
}

const KINDS: [Kind; 6] = [
    Kind {
        genpkey: &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        import: "{ name: 'ECDSA', namedCurve: 'P-256' }",
        sign: "{ name: 'ECDSA', hash: 'SHA-256' }",
        digest: Some("sha256"),
        options: &[],
    },
    Kind {
        genpkey: &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        import: "{ name: 'ECDSA', namedCurve: 'P-384' }",
        sign: "{ name: 'ECDSA', hash: 'SHA-384' }",
        digest: Some("sha384"),
        options: &[],
    },
    Kind {
        genpkey: &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
        import: "{ name: 'ECDSA', namedCurve: 'P-521' }",
        sign: "{ name: 'ECDSA', hash: 'SHA-512' }",
        digest: Some("sha512"),
        options: &[],
    },
    Kind {
        genpkey: &["-algorithm", "ED25519"],
        import: "{ name: 'Ed25519' }",
        sign: "{ name: 'Ed25519' }",
        digest: None,
        options: &["-rawin"],
    },
    Kind {
        genpkey: &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        import: "{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }",
        sign: "{ name: 'RSASSA-PKCS1-v1_5' }",
        digest: Some("sha256"),
        options: &[],
    },
    Kind {
        genpkey: &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
        import: "{ name: 'RSA-PSS', hash: 'SHA-384' }",
        sign: "{ name: 'RSA-PSS', saltLength: 48 }",
        digest: Some("sha384"),
        options: &["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:48"],
    },
];

/// Imports both keys, exports them again, signs, and verifies OpenSSL's signature. ECDSA's are in DER there,
/// and two numbers here.
const SCRIPT: &str = r#"
import pkcs8 from "./private.der" with { type: "bytes" };
import spki from "./public.der" with { type: "bytes" };
import message from "./message" with { type: "bytes" };
import theirs from "./theirs" with { type: "bytes" };
const { subtle } = crypto;
const hex = (bytes) => new Uint8Array(bytes).toHex();
const size = { "P-256": 32, "P-384": 48, "P-521": 66 }[IMPORT.namedCurve];
const number = (bytes) => {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  const value = bytes.slice(at);
  return value[0] & 0x80 ? [2, value.length + 1, 0, ...value] : [2, value.length, ...value];
};
const toDer = (raw) => {
  const content = [...number(raw.slice(0, size)), ...number(raw.slice(size))];
  return new Uint8Array(content.length > 127 ? [0x30, 0x81, content.length, ...content] : [0x30, content.length, ...content]);
};
const fromDer = (der) => {
  const raw = new Uint8Array(2 * size);
  let at = der[1] & 0x80 ? 3 : 2;
  for (const end of [size, 2 * size]) {
    const length = der[at + 1];
    const value = der.slice(at + 2, at + 2 + length);
    const plain = value.slice(Math.max(0, value.length - size));
    raw.set(plain, end - plain.length);
    at += 2 + length;
  }
  return raw;
};
const privateKey = await subtle.importKey("pkcs8", pkcs8, IMPORT, true, ["sign"]);
const publicKey = await subtle.importKey("spki", spki, IMPORT, true, ["verify"]);
const signature = await subtle.sign(SIGN, privateKey, message);
const jwk = await subtle.importKey("jwk", await subtle.exportKey("jwk", privateKey), IMPORT, true, ["sign"]);
console.log(JSON.stringify({
  pkcs8: hex(await subtle.exportKey("pkcs8", privateKey)) === hex(pkcs8),
  spki: hex(await subtle.exportKey("spki", publicKey)) === hex(spki),
  jwk: hex(await subtle.exportKey("pkcs8", jwk)) === hex(pkcs8),
  verified: await subtle.verify(SIGN, publicKey, size ? fromDer(new Uint8Array(theirs)) : theirs, message),
  own: await subtle.verify(SIGN, publicKey, signature, message),
  signature: hex(size ? toDer(new Uint8Array(signature)) : signature),
}));
"#;

#[test]
fn keys_and_signatures_of_openssl_are_ours_and_ours_its() {
    for kind in &KINDS {
        let script = SCRIPT.replace("IMPORT", kind.import).replace("SIGN", kind.sign);
        let dir = Dir::new(&[("index.js", &script)]);
        let at = dir.path();
        dir.write(
            "message",
            b"a message of more than one block, so that the hash has something to do: 0123456789 0123456789",
        );
        let pem = foreign("openssl", &[&["genpkey"], kind.genpkey].concat(), at, b"");
        dir.write("key.pem", &pem);
        let der = ["pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "DER", "-out", "private.der"];
        foreign("openssl", &der, at, b"");
        foreign(
            "openssl",
            &["pkey", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "public.der"],
            at,
            b"",
        );
        // pkeyutl signs digests (or for Ed25519 the message).
        let input = match kind.digest {
            Some(digest) => {
                foreign(
                    "openssl",
                    &["dgst", &format!("-{digest}"), "-binary", "-out", "digest", "message"],
                    at,
                    b"",
                );
                "digest"
            }
            None => "message",
        };
        let digest = kind.digest.map(|digest| format!("digest:{digest}"));
        let digest: Vec<&str> = digest.as_deref().map_or(vec![], |digest| vec!["-pkeyopt", digest]);
        let sign = ["pkeyutl", "-sign", "-inkey", "key.pem", "-in", input, "-out", "theirs"];
        foreign("openssl", &[&sign, kind.options, &digest].concat(), at, b"");

        let output = run(at, &["run", "index.js"]);
        assert_eq!(output.code, Some(0), "{}: {}", kind.import, output.stderr);
        let said = output.stdout.trim();
        let expected = r#"{"pkcs8":true,"spki":true,"jwk":true,"verified":true,"own":true,"signature":""#;
        assert!(said.starts_with(expected), "{}: {said}", kind.import);
        let signature = &said[expected.len()..said.len() - 2];
        let bytes: Vec<u8> = (0..signature.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&signature[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        dir.write("ours", &bytes);
        let verify = [
            "pkeyutl",
            "-verify",
            "-pubin",
            "-keyform",
            "DER",
            "-inkey",
            "public.der",
            "-in",
            input,
            "-sigfile",
            "ours",
        ];
        foreign("openssl", &[&verify, kind.options, &digest].concat(), at, b"");
    }
}

const KEYS: &str = r#"
const params = { name: "RSA-PSS", hash: "SHA-256", modulusLength: 4096, publicExponent: new Uint8Array([1, 0, 1]) };
export default {
  async fetch(request) {
    const wanted = Number(new URL(request.url).searchParams.get("keys"));
    for (let made = 0; made < wanted; made++) await crypto.subtle.generateKey(params, false, ["sign"]);
    return new Response(`${wanted} keys`);
  },
};
"#;

/// While a tenant has keys made, the thread is the others': all of these are answered before the keys are
/// there. A thread that made the keys itself would answer none.
const ANSWERS_MEANWHILE: usize = 20;

#[test]
fn neighbours_are_served_while_keys_are_made() {
    // How many numbers are tried before two are primes is chance: the usual limits would now and then end the
    // request.
    let config = r#"{ "apps": [
        { "name": "keys", "path": "keys.js", "timeout_ms": 120000, "wall_timeout_ms": 120000 },
        { "name": "neighbour", "path": "neighbour.js" }] }"#;
    let neighbour = "let n = 0; export default { fetch() { return new Response(String(++n)); } };";
    let dir = Dir::new(&[("keys.js", KEYS), ("neighbour.js", neighbour), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options::args(&["--threads", "1", "--no-request-log"]));
    let mut neighbour = server.connect();
    let ask = request("GET", "/", "neighbour", &[], b"");
    neighbour.send(&ask).response();
    let mut keys = Client::connect(server.port());
    keys.send(request("GET", "/?keys=3", "keys", &[], b""));
    keys.stream().set_nonblocking(true).expect("a socket");
    let mut answers = 0;
    let done = loop {
        neighbour.send(&ask).response();
        answers += 1;
        match keys.try_response() {
            Ok(response) => break response,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!((done.status, done.text()), (200, "3 keys".to_owned()));
    assert!(answers >= ANSWERS_MEANWHILE, "only {answers} answers while keys were made");
    server.stop();
}

#[test]
fn a_server_that_is_stopped_waits_for_no_key() {
    let dir = Dir::new(&[("index.js", &KEYS.replace("4096", "8192"))]);
    let server = Nano::dir(dir, Options::one_thread());
    let mut client = server.connect();
    client.send(request("GET", "/?keys=100", "localhost", &[], b""));
    // Another request is answered: so the first is under way.
    let other = server.connect().get("/?keys=0");
    assert_eq!(other.text(), "0 keys");
    drop(client);
    server.stop();
}
