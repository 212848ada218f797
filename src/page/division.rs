//! Names of Guangdong and its 21 cities by their division codes (GB/T 2260), in both languages.

use super::Lang;

const DIVISIONS: [(&str, &str, &str); 22] = [
    ("440000", "广东省", "Guangdong"),
    ("440100", "广州市", "Guangzhou"),
    ("440200", "韶关市", "Shaoguan"),
    ("440300", "深圳市", "Shenzhen"),
    ("440400", "珠海市", "Zhuhai"),
    ("440500", "汕头市", "Shantou"),
    ("440600", "佛山市", "Foshan"),
    ("440700", "江门市", "Jiangmen"),
    ("440800", "湛江市", "Zhanjiang"),
    ("440900", "茂名市", "Maoming"),
    ("441200", "肇庆市", "Zhaoqing"),
    ("441300", "惠州市", "Huizhou"),
    ("441400", "梅州市", "Meizhou"),
    ("441500", "汕尾市", "Shanwei"),
    ("441600", "河源市", "Heyuan"),
    ("441700", "阳江市", "Yangjiang"),
    ("441800", "清远市", "Qingyuan"),
    ("441900", "东莞市", "Dongguan"),
    ("442000", "中山市", "Zhongshan"),
    ("445100", "潮州市", "Chaozhou"),
    ("445200", "揭阳市", "Jieyang"),
    ("445300", "云浮市", "Yunfu"),
];

/// The name of a division; a code outside the province stays a code.
pub(super) fn name(lang: Lang, code: &str) -> &str {
    match DIVISIONS.iter().find(|division| division.0 == code) {
        Some((_, zh, en)) => lang.say(zh, en),
        None => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_divisions_of_the_registry() {
        let listed = include_str!("../../certificate/data/divisions_gd.csv")
            .lines()
            .skip(1);
        let ours = DIVISIONS.iter().map(|(code, zh, _)| format!("{code},{zh}"));
        assert!(listed.eq(ours));
        assert_eq!(name(Lang::En, "110000"), "110000");
    }
}
