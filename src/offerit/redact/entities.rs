//! The names of HTML's character references that PHP's `htmlentities` and its like write for Latin-1 and for the signs
//! of ASCII.

/// From U+00A0 on; case aside, which is all the same where secrets are sought.
const LATIN_1: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn \
    sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest agrave aacute acirc atilde \
    auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde \
    ouml times oslash ugrave uacute ucirc uuml yacute thorn szlig";

const OTHERS: &str = "amp& lt< gt> quot\" apos' num# dollar$ percnt% lpar( rpar) ast* midast* plus+ comma, period. \
    sol/ colon: semi; equals= quest? commat@ lsqb[ lbrack[ bsol\\ rsqb] rbrack] hat^ lowbar_ grave` lcub{ lbrace{ \
    verbar| vert| rcub} rbrace} excl! div÷ yuml\u{ff} euro€ hellip… ndash– mdash— lsquo‘ rsquo’ sbquo‚ ldquo“ rdquo” \
    bdquo„ lsaquo‹ rsaquo› bull• trade™ scaron\u{161} oelig\u{153} permil‰ dagger† fnof\u{192} circ\u{2c6} tilde\u{2dc}";

/// The letter of a name in lower case.
pub fn named(name: &str) -> Option<char> {
    if let Some(index) = LATIN_1.split(' ').position(|known| known == name) {
        return char::from_u32(0xa0 + u32::try_from(index).ok()?);
    }
    OTHERS.split(' ').find_map(|known| {
        let letter = known.chars().next_back()?;
        (known.strip_suffix(letter) == Some(name)).then_some(letter)
    })
}

/// The letter of a name that a text in lower case begins with, and how long the name is: those that HTML has known longest
/// need no semicolon (HTML standard, section 13.5).
pub fn named_without_end(text: &str) -> Option<(char, usize)> {
    let signs = ["amp", "lt", "gt", "quot"];
    let known = signs.into_iter().chain(LATIN_1.split(' ')).filter(|name| text.starts_with(name));
    let name = known.max_by_key(|name| name.len())?;
    Some((named(name)?, name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_their_letters() {
        for (name, letter) in [
            ("nbsp", '\u{a0}'),
            ("agrave", 'À'),
            ("times", '×'),
            ("szlig", 'ß'),
            ("uuml", 'Ü'),
            ("amp", '&'),
            ("quot", '"'),
            ("bsol", '\\'),
            ("euro", '€'),
            ("tilde", '˜'),
        ] {
            assert_eq!(named(name), Some(letter), "{name}");
        }
        assert_eq!(named_without_end("ampere"), Some(('&', 3)));
        assert_eq!(named_without_end("notin"), Some(('¬', 3)));
        assert_eq!(named_without_end("sup2x"), Some(('²', 4)));
        assert_eq!((named_without_end("euro"), named_without_end("")), (None, None));
        assert_eq!((named(""), named("amp&"), named("customer")), (None, None, None));
    }
}
