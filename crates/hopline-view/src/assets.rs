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
    /// Sent as it is. With `nosniff`, a script of a wrong type would not run. The browser does not guess another one.
    pub(crate) media_type: &'static str,
    /// Compiled in, so that the binary needs no file.
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

/// All files of the page, sorted by path.
///
/// Other paths have no file, so a test or a configuration file of the folder is never served.
pub(crate) const ASSETS: &[Asset] = assets![
    "css/page.css" "text/css; charset=utf-8",
    "css/tokens.css" "text/css; charset=utf-8",
    "css/trace.css" "text/css; charset=utf-8",
    "favicon.svg" "image/svg+xml",
    "index.html" "text/html; charset=utf-8",
    "js/about.mjs" "text/javascript; charset=utf-8",
    "js/api.mjs" "text/javascript; charset=utf-8",
    "js/chart.mjs" "text/javascript; charset=utf-8",
    "js/colour.mjs" "text/javascript; charset=utf-8",
    "js/compare.mjs" "text/javascript; charset=utf-8",
    "js/dom.mjs" "text/javascript; charset=utf-8",
    "js/flame.mjs" "text/javascript; charset=utf-8",
    "js/format.mjs" "text/javascript; charset=utf-8",
    "js/graph.mjs" "text/javascript; charset=utf-8",
    "js/layout.mjs" "text/javascript; charset=utf-8",
    "js/list.mjs" "text/javascript; charset=utf-8",
    "js/main.mjs" "text/javascript; charset=utf-8",
    "js/model.mjs" "text/javascript; charset=utf-8",
    "js/panel.mjs" "text/javascript; charset=utf-8",
    "js/route.mjs" "text/javascript; charset=utf-8",
    "js/services.mjs" "text/javascript; charset=utf-8",
    "js/state.mjs" "text/javascript; charset=utf-8",
    "js/trace.mjs" "text/javascript; charset=utf-8",
    "js/traces.mjs" "text/javascript; charset=utf-8",
    "js/waterfall.mjs" "text/javascript; charset=utf-8",
    "js/words.mjs" "text/javascript; charset=utf-8",
    "vendor/README.md" "text/plain; charset=utf-8",
    "vendor/dagre/LICENSE" "text/plain; charset=utf-8",
    "vendor/dagre/dagre.esm.js" "text/javascript; charset=utf-8",
    "vendor/htm/LICENSE" "text/plain; charset=utf-8",
    "vendor/htm/htm.mjs" "text/javascript; charset=utf-8",
    "vendor/licences.json" "application/json",
    "vendor/preact/LICENSE" "text/plain; charset=utf-8",
    "vendor/preact/hooks.mjs" "text/javascript; charset=utf-8",
    "vendor/preact/preact.mjs" "text/javascript; charset=utf-8",
    "vendor/signals/LICENSE" "text/plain; charset=utf-8",
    "vendor/signals/signals-core.mjs" "text/javascript; charset=utf-8",
    "vendor/signals/signals.mjs" "text/javascript; charset=utf-8",
    "vendor/uplot/LICENSE" "text/plain; charset=utf-8",
    "vendor/uplot/uPlot.esm.js" "text/javascript; charset=utf-8",
    "vendor/uplot/uPlot.min.css" "text/css; charset=utf-8",
];

/// The document behind each path of a view.
pub(crate) const INDEX: &str = "index.html";

/// The asset of this path.
///
/// Compares whole paths with the table, so no path leads out of it. The table has some 40 lines, which needs no map.
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
    /// The text of `index.html`, with the base of this viewer.
    pub(crate) html: String,
    /// Value of `content-security-policy`.
    pub(crate) policy: String,
}

impl Document {
    /// The document below `base`, which starts and ends with a slash.
    ///
    /// The hash is computed from the text, so the policy follows a change of the import map.
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
    ///
    /// Made once. It allows no inline script.
    pub(crate) fn strict_policy() -> &'static str {
        static STRICT: OnceLock<String> = OnceLock::new();
        STRICT.get_or_init(|| policy(None))
    }
}

/// A strong entity tag of these bytes.
///
/// The first 12 bytes of SHA-256 in hexadecimal: enough to distinguish versions of a file, and short.
pub(crate) fn etag(body: &[u8]) -> String {
    let mut tag = String::from("\"");
    for byte in &Sha256::digest(body)[..12] {
        let _ = write!(tag, "{byte:02x}"); // writing to a string does not fail
    }
    tag.push('"');
    tag
}

/// The content security policy: scripts, styles and requests of this origin only, and no framing. With a hash, the
/// one inline script of that hash may run.
fn policy(script_hash: Option<&str>) -> String {
    let hash = script_hash.map_or_else(String::new, |hash| format!(" 'sha256-{hash}'"));
    format!(
        "default-src 'none'; script-src 'self'{hash}; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         font-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The text of the import map, to be hashed. `None` if the document has none, and then no inline script is allowed.
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

    /// Rows of the table in `vendor/README.md`: path below `vendor/`, package, licence, SHA-256.
    fn vendored() -> Vec<[String; 4]> {
        let readme = find("vendor/README.md").unwrap().body();
        let readme = String::from_utf8_lossy(&readme).into_owned();
        let rows = readme.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.map(|row| {
            let cells: Vec<&str> = row
                .split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            [cells[0], cells[1], cells[3], cells[4]].map(str::to_owned)
        })
        .collect()
    }

    #[test]
    fn each_library_of_the_page_is_the_listed_file() {
        let rows = vendored();
        for [path, _, _, listed] in &rows {
            let asset = find(&format!("vendor/{path}")).unwrap();
            let hash = Sha256::digest(asset.body);
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(&hash, listed, "{path}");
        }
        let own = ["vendor/README.md", "vendor/licences.json"];
        let libraries = ASSETS
            .iter()
            .filter(|asset| asset.path.starts_with("vendor/") && !own.contains(&asset.path));
        assert_eq!(libraries.count(), rows.len());
    }

    #[test]
    fn the_page_names_the_licence_of_each_library() {
        let licences = find("vendor/licences.json").unwrap().body();
        let licences: Vec<serde_json::Value> = serde_json::from_slice(&licences).unwrap();
        let text = |value: &serde_json::Value, key: &str| value[key].as_str().unwrap().to_owned();
        let named: BTreeSet<[String; 2]> = licences
            .iter()
            .map(|one| {
                [
                    format!("{} {}", text(one, "name"), text(one, "version")),
                    text(one, "licence"),
                ]
            })
            .collect();
        let listed: BTreeSet<[String; 2]> = vendored()
            .into_iter()
            .map(|[_, package, licence, _]| [package, licence])
            .collect();
        assert_eq!(named, listed);
        for one in &licences {
            let file = format!("vendor/{}", text(one, "file"));
            assert!(find(&file).is_some(), "{file}");
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
