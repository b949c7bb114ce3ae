//! The files of the page, compiled into the crate, and the headers they are served with. Called by the page's routes.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

/// A file below `ui/`.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Path below `ui/`, and below the page's base.
    pub(crate) path: &'static str,
    pub(crate) media_type: &'static str,
    body: &'static [u8],
}

/// One line for each file below `ui/`, tests and configuration left out. A missing file is a compile error; a test compares
/// the table with the folder.
macro_rules! assets {
    ($($path:literal $media_type:literal),+ $(,)?) => {
        &[$(Asset {
            path: $path,
            media_type: $media_type,
            body: include_bytes!(concat!("../ui/", $path)),
        }),+]
    };
}

pub(crate) const ASSETS: &[Asset] = assets![
    "index.html" "text/html; charset=utf-8",
];

/// The document behind each path of a view.
pub(crate) const INDEX: &str = "index.html";

/// The asset of this path.
pub(crate) fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

impl Asset {
    /// The bytes; from the folder that `HOPLINE_VIEW_UI` names with the feature `ui-from-disk`.
    pub(crate) fn body(&self) -> Cow<'static, [u8]> {
        #[cfg(feature = "ui-from-disk")]
        if let Some(folder) = std::env::var_os("HOPLINE_VIEW_UI")
            && let Ok(body) = std::fs::read(std::path::Path::new(&folder).join(self.path))
        {
            return Cow::Owned(body);
        }
        Cow::Borrowed(self.body)
    }
}

/// The document with its base set, and the policy that allows its one inline script, the import map.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) html: String,
    pub(crate) policy: String,
}

impl Document {
    /// The document below `base`, which starts and ends with a slash.
    pub(crate) fn new(base: &str) -> Self {
        let body = find(INDEX).map(Asset::body).unwrap_or_default();
        let text = String::from_utf8_lossy(&body);
        let hash = import_map(&text).map(|map| base64(&Sha256::digest(map.as_bytes())));
        let base = format!("<base href=\"{base}\">");
        Self {
            html: text.replacen("<base href=\"/\">", &base, 1),
            policy: policy(hash.as_deref()),
        }
    }

    /// The policy of everything that is not the document.
    pub(crate) fn strict_policy() -> &'static str {
        static STRICT: OnceLock<String> = OnceLock::new();
        STRICT.get_or_init(|| policy(None))
    }
}

/// A strong entity tag of these bytes.
pub(crate) fn etag(body: &[u8]) -> String {
    let mut tag = String::from("\"");
    for byte in &Sha256::digest(body)[..12] {
        let _ = write!(tag, "{byte:02x}"); // writing to a string does not fail
    }
    tag.push('"');
    tag
}

fn policy(script_hash: Option<&str>) -> String {
    let hash = script_hash.map_or_else(String::new, |hash| format!(" 'sha256-{hash}'"));
    format!(
        "default-src 'none'; script-src 'self'{hash}; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         font-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn import_map(html: &str) -> Option<&str> {
    let (_, after) = html.split_once("<script type=\"importmap\">")?;
    Some(after.split_once("</script>")?.0)
}

/// Standard base64 (RFC 4648, section 4), of a digest's 32 bytes.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0, |all, byte| (all << 8) | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            text.push(if place <= chunk.len() {
                char::from(LETTERS[(group >> (18 - 6 * place)) & 63])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_table_lists_each_file_of_the_folder_once() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
        let mut found = BTreeSet::new();
        files(&folder, &folder, &mut found);
        let listed: BTreeSet<String> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
        assert_eq!(listed, found);
        assert_eq!(listed.len(), ASSETS.len());
    }

    fn files(root: &Path, folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if name != "node_modules" && name != "tests" {
                    files(root, &path, found);
                }
                continue;
            }
            let is_of_development = name.ends_with(".test.js")
                || name.ends_with(".test.mjs")
                || name.ends_with(".d.ts")
                || name == "tsconfig.json"
                || name.starts_with("package");
            if !is_of_development {
                found.insert(
                    path.strip_prefix(root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }

    #[test]
    fn base64_pads_as_the_rfc_has_it() {
        let of = |text: &str| base64(text.as_bytes());
        assert_eq!(
            ["", "f", "fo", "foo", "foob", "fooba"].map(of),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE="]
        );
    }

    #[test]
    fn the_document_gets_its_base() {
        let document = Document::new("/_trace/");
        assert!(document.html.contains("<base href=\"/_trace/\">"));
        assert!(!document.html.contains("<base href=\"/\">"));
    }
}
