//! Recognition of tokens by the form that their issuer gave them.

/// The length of the shortest text that counts as a token.
pub(super) const SHORTEST: usize = 12;

/// Prefixes that only tokens have: eight characters behind them suffice.
const CLEAR: [&str; 63] = [
    "github_pat_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "glpat-",
    "gldt-",
    "glrt-",
    "glcbt-",
    "glptt-",
    "glft-",
    "glimt-",
    "glagent-",
    "gloas-",
    "glsoat-",
    "glffct-",
    "xoxa-",
    "xoxb-",
    "xoxc-",
    "xoxd-",
    "xoxe-",
    "xoxe.",
    "xoxo-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "xapp-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "whsec_",
    "GOCSPX-",
    "ya29.",
    "AIza",
    "sk-ant-",
    "sk-proj-",
    "sk-svcacct-",
    "shpat_",
    "shpca_",
    "shppa_",
    "shpss_",
    "dop_v1_",
    "doo_v1_",
    "dor_v1_",
    "dckr_pat_",
    "dckr_oat_",
    "hvs.",
    "hvb.",
    "sntrys_",
    "sntryu_",
    "glsa_",
    "lin_api_",
    "tskey-",
    "xkeysib-",
    "pypi-",
    "rubygems_",
    "ATATT3x",
    "ATCTT3x",
    "AGE-SECRET-KEY-",
    "sq0atp-",
    "sq0csp-",
];

/// Prefixes that words have too: a long tail with digits, in one piece, must follow.
const VAGUE: [&str; 17] = [
    "sk-", "key-", "hf_", "npm_", "pul-", "SG.", "dapi", "ops_", "ntn_", "r8_", "gsk_", "sbp_",
    "glc_", "nvapi-", "pplx-", "figd_", "PMAK-",
];

/// True for a JSON web token, a PASETO, and keys of well-known services. The text is one word, without spaces.
#[inline]
pub(super) fn is_token(word: &str) -> bool {
    word.len() >= SHORTEST && begins_token(word.as_bytes()) && is_known(word)
}

/// True if the first two characters are those of a form below, as of nearly no word. For bridges, which ask before they
/// look at the whole word.
#[inline]
pub fn begins_token(word: &[u8]) -> bool {
    matches!(
        word,
        [b'e', b'y', ..]
            | [b'v', b'1'..=b'4', ..]
            | [b'g', b'h' | b'i' | b'l' | b's', ..]
            | [b'x', b'o' | b'a' | b'k', ..]
            | [b's', b'k' | b'h' | b'n' | b'q' | b'b', ..]
            | [b'r', b'k' | b'u' | b'8', ..]
            | [b'w', b'h', ..]
            | [b'A', b'K' | b'S' | b'B' | b'C' | b'I' | b'T' | b'G', ..]
            | [b'G', b'O', ..]
            | [b'y', b'a', ..]
            | [b'd', b'o' | b'c' | b'a', ..]
            | [b'h', b'v' | b'f', ..]
            | [b'l', b'i', ..]
            | [b't', b's', ..]
            | [b'p', b'y' | b'u' | b'p', ..]
            | [b'k', b'e', ..]
            | [b'n', b'p' | b't' | b'v', ..]
            | [b'S', b'G' | b'T', ..]
            | [b'o', b'p', ..]
            | [b'f', b'i', ..]
            | [b'P', b'M' | b'T', ..]
            | [b'T', b'G', ..]
            | [b'I', b'Q', ..]
            | [b'F', b'w', ..]
    )
}

#[cold]
fn is_known(word: &str) -> bool {
    let tail = |prefixes: &[&str]| prefixes.iter().find_map(|prefix| word.strip_prefix(prefix));
    is_jwt(word)
        || is_paseto(word)
        || is_amazon(word)
        || is_ticket(word)
        || tail(&CLEAR).is_some_and(|tail| tail.len() >= 8 && tail.bytes().take(8).all(is_part))
        || tail(&VAGUE).is_some_and(is_opaque)
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// A header in base64 and what it signs or encrypts (RFC 7515, RFC 7516).
fn is_jwt(word: &str) -> bool {
    let Some((header, rest)) = word.split_once('.') else {
        return false;
    };
    header.starts_with("eyJ")
        && rest
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

fn is_paseto(word: &str) -> bool {
    let rest = word.get(2..).unwrap_or_default();
    let version = matches!(word.as_bytes(), [b'v', b'1'..=b'4', ..]);
    version && (rest.starts_with(".local.") || rest.starts_with(".public."))
}

/// Ids of keys, and the beginnings of session tokens.
fn is_amazon(word: &str) -> bool {
    let id = ["AKIA", "ASIA", "ABIA", "ACCA"]
        .iter()
        .find_map(|start| word.strip_prefix(start));
    let is_id = |id: &str| {
        id.len() >= 16
            && id
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    id.is_some_and(is_id) || word.starts_with("IQoJb3JpZ2lu") || word.starts_with("FwoGZXIvYXdz")
}

/// A ticket of a central authentication service: `ST-1856339-aA5Yuvrxzpv8Tau1cYQ7`.
fn is_ticket(word: &str) -> bool {
    let rest = ["ST-", "PT-", "TGT-"]
        .iter()
        .find_map(|start| word.strip_prefix(start));
    rest.and_then(|rest| rest.split_once('-'))
        .is_some_and(|(number, ticket)| {
            number.bytes().all(|byte| byte.is_ascii_digit()) && is_opaque(ticket)
        })
}

/// Sixteen letters and digits in one piece, both among them: no slug has that.
fn is_opaque(tail: &str) -> bool {
    let pieces = tail.split(|c: char| !c.is_ascii_alphanumeric());
    let opaque = |piece: &str| {
        piece.len() >= 16
            && piece.bytes().any(|byte| byte.is_ascii_digit())
            && piece.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    pieces.into_iter().any(opaque)
}
