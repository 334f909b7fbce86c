use super::*;

#[test]
fn an_address_may_have_a_path_and_a_subject_is_escaped() {
    let cases = [
        ("http://r:8081", "http://r:8081/subjects/a%2Fb"),
        ("http://r:8081/", "http://r:8081/subjects/a%2Fb"),
        ("https://r/apis/ccompat/v7", "https://r/apis/ccompat/v7/subjects/a%2Fb"),
        ("https://r/apis/ccompat/v7/", "https://r/apis/ccompat/v7/subjects/a%2Fb"),
    ];
    for (url, expected) in cases {
        let url = below(&Url::parse(url).unwrap(), &["subjects", "a/b"]).unwrap();
        assert_eq!(url.as_str(), expected);
    }
}
