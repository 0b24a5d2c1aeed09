// The expectations are what Go's mime.QEncoding.Encode("utf-8", v) gives (go 1.26.8), and "" for what is not
// UTF-8, as encTailscaleHeaderValue of tailscale.com v1.102.5 has it.
#include "http/encoded_word.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace evenkeel::http;

namespace {

struct Vector {
  std::string text;
  std::string encoded;
};

std::string times(std::size_t count, std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("printable ASCII and TAB stay as they are") {
  for (const std::string text : {"", "user@example.com", "Alice Smith", "tab\there", "a=b?c_d",
                                 "=?utf-8?q?x?=", " both ends ", "~!\"#$%&'()*+,-./"}) {
    INFO(text);
    CHECK(encoded_word(text) == text);
  }
}

TEST_CASE("anything else is one encoded word, as Go writes it") {
  const Vector vectors[] = {
      {"\xC3\x9Cser", "=?utf-8?q?=C3=9Cser?="},
      {"a_b=c?d \xC3\xA9", "=?utf-8?q?a=5Fb=3Dc=3Fd_=C3=A9?="},
      {"Fran\xC3\xA7ois M\xC3\xBCller", "=?utf-8?q?Fran=C3=A7ois_M=C3=BCller?="},
      {"\xE5\x90\x8D\xE5\x89\x8D", "=?utf-8?q?=E5=90=8D=E5=89=8D?="},
      {"\xF0\x9F\x98\x80 smile", "=?utf-8?q?=F0=9F=98=80_smile?="},
      {"\xC3\xA9 \"quoted\" (x)", "=?utf-8?q?=C3=A9_\"quoted\"_(x)?="},
      {" \xC3\xA9 ", "=?utf-8?q?_=C3=A9_?="},
      {"\xC2\x80\xC2\x9F", "=?utf-8?q?=C2=80=C2=9F?="},
      {"\xE2\x80\x8B", "=?utf-8?q?=E2=80=8B?="},
      {"\xEF\xBF\xBD", "=?utf-8?q?=EF=BF=BD?="},
      {"a\r\nX: y", "=?utf-8?q?a=0D=0AX:_y?="},
      {std::string("nul\0", 4), "=?utf-8?q?nul=00?="},
      {"del\x7F", "=?utf-8?q?del=7F?="},
  };
  for (const Vector& vector : vectors) {
    INFO(vector.encoded);
    CHECK(encoded_word(vector.text) == vector.encoded);
  }
}

TEST_CASE("a long text is several words of at most 75 bytes, no character split over two") {
  const std::string e = "\xC3\xA9";
  const std::string ten = "=?utf-8?q?" + times(10, "=C3=A9") + "?=";
  const std::string smile = "\xF0\x9F\x98\x80";
  const Vector vectors[] = {
      {times(10, e), ten},
      {times(11, e), ten + " =?utf-8?q?=C3=A9?="},
      {times(30, e), ten + " " + ten + " " + ten},
      {times(100, "a") + e, "=?utf-8?q?" + times(63, "a") + "?= =?utf-8?q?" + times(37, "a") + "=C3=A9?="},
      {e + times(100, "a"), "=?utf-8?q?=C3=A9" + times(57, "a") + "?= =?utf-8?q?" + times(43, "a") + "?="},
      {times(62, "a") + e, "=?utf-8?q?" + times(62, "a") + "?= =?utf-8?q?=C3=A9?="},
      {times(57, "a") + e, "=?utf-8?q?" + times(57, "a") + "=C3=A9?="},
      {times(58, "a") + e, "=?utf-8?q?" + times(58, "a") + "?= =?utf-8?q?=C3=A9?="},
      {times(6, smile), "=?utf-8?q?" + times(5, "=F0=9F=98=80") + "?= =?utf-8?q?=F0=9F=98=80?="},
  };
  for (const Vector& vector : vectors) {
    INFO(vector.encoded);
    CHECK(encoded_word(vector.text) == vector.encoded);
  }
}

TEST_CASE("what is not UTF-8 becomes empty") {
  for (const std::string text :
       {"\xFF", "\xC3", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF",
        "\xF0\x8F\xBF\xBF", "\xF5\x80\x80\x80", "\x80", "ok\xC3(", "\xE2\x82", "\xF0\x9F\x98"}) {
    CHECK_FALSE(is_utf8(text));
    CHECK(encoded_word(text).empty());
  }
  for (const std::string text : {"\xED\x9F\xBF", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF", "\xF0\x90\x80\x80",
                                 "\xE0\xA0\x80", "\xC2\x80", ""}) {
    CHECK(is_utf8(text));
  }
}
