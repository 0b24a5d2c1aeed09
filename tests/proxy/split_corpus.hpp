// Exchanges whose outcome must not depend on how their bytes are cut into pieces.
#pragma once

#include <string>
#include <vector>

namespace evenkeel::test {

using namespace std::string_literals;

struct SplitCase {
  std::string name;
  std::string request;  // everything the client sends
  std::string answer;   // what the target says to each whole request
  int status = 200;     // of the last access record
  bool client_ends = false;
  bool target_closes = false;
  // Bytes that turn out to be bad: what came before them may have been forwarded already, so how much
  // of it was is a matter of timing. That it is not taken for a whole message is not.
  bool partly_forwarded = false;
  // The one place where a cut means something: see its case.
  std::size_t meaningful_cut = std::string::npos;
};

inline const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n";
inline const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
inline const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
inline const std::string upgrade = get + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n";
inline const std::string other_upgrade = get + "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n";
inline const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
inline const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
inline const std::string switching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

inline std::vector<SplitCase> ordinary_requests() {
  return {
      {"plain GET", get + "Accept: */*\r\nUser-Agent: test\r\n\r\n", ok},
      {"GET behind an empty line", "\r\n" + get + "\r\n", ok},
      {"GET and a half-close", get + "\r\n", ok, 200, true},
      {"Connection: close", get + "Connection: close, X-Hop\r\nX-Hop: 1\r\n\r\n", ok},
      {"POST with a length", post + "Content-Length: 11\r\n\r\nhello world", ok},
      {"POST with no bytes", post + "Content-Length: 0\r\n\r\n", ok},
      {"POST in chunks", chunked + "5;a=\"b c\"\r\nhello\r\n06\r\n world\r\n0;last\r\nX-Sum: 1\r\n\r\n", ok},
      {"POST in no chunk", chunked + "0\r\n\r\n", ok},
      {"two GETs", get + "\r\n" + get + "X: 2\r\n\r\n", ok},
      {"POST and GET", post + "Content-Length: 3\r\n\r\nabc" + get + "\r\n", ok},
      {"chunks and GET", chunked + "3\r\nabc\r\n0\r\n\r\n" + get + "\r\n", ok},
      {"HEAD and GET", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get + "\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
      {"GET and a refused one", get + "\r\nGET / HTTP/1.1\r\n\r\n" + smuggled, ok, 400},
      {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", ok},
      {"HTTP/1.0 kept alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", ok},
      {"Expect", post + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
       "HTTP/1.1 100 Continue\r\n\r\n" + ok},
      {"absolute form", "GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n", ok},
      {"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", ok},
      {"upgrade", upgrade + "frames", switching + "more frames", 101, true, true},
      // Frames, or a request: nobody can tell when they came with the request that asked to switch. Behind
      // its answer they are a request.
      {"upgrade not granted", upgrade + smuggled, ok, 200, false, false, false, upgrade.size()},
      {"upgrade that is not allowed", other_upgrade + smuggled, ok, 200, false, false, false,
       other_upgrade.size()},
      {"half a head", get + "X: a", ok, 0, true},
      {"half a body", post + "Content-Length: 9\r\n\r\nabc", ok, 0, true, false, true},
      {"half a chunk", chunked + "9\r\nabc", ok, 0, true, false, true},
  };
}

inline std::vector<SplitCase> refused_requests() {
  const auto bad = [](const char* name, const std::string& request, int status = 400) {
    return SplitCase{name, request + smuggled, ok, status};
  };
  const auto coding = [&](const char* name, const std::string& value) {
    return bad(name, post + "Transfer-Encoding:" + value + "\r\n\r\n0\r\n\r\n");
  };
  const auto length = [&](const char* name, const std::string& value) {
    return bad(name, post + "Content-Length:" + value + "\r\n\r\nabc");
  };
  const auto line = [&](const char* name, const std::string& first, int status = 400) {
    return bad(name, first + "\r\nHost: a\r\n\r\n", status);
  };
  const auto field = [&](const char* name, const std::string& text) {
    return bad(name, get + text + "\r\n\r\n");
  };
  return {
      field("CR in a value", "X: a\rb"),
      bad("CR ends the head", get + "\rX"),
      bad("CR after an empty value", post + "D: \rContent-Length: 42\r\n\r\n"),
      field("space before the colon", "X : a"),
      field("space in a name", "Content Length: 3"),
      field("folded line", "X: a\r\n b"),
      field("line folded with a TAB", "X: a\r\n\tb"),
      bad("folded first line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
      coding("folded coding", "\r\n chunked"),
      length("folded length", "\r\n 3"),
      bad("LF-only request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
      bad("LF-only field line", get + "X: a\n\r\n"),
      bad("LF-only empty line", get + "\n"),
      bad("HTTP/0.9", "GET /\r\n\r\n"),
      line("HTTP/2.0", "GET / HTTP/2.0", 505),
      line("HTTP/0.9 spelt out", "GET / HTTP/0.9", 505),
      line("RTSP", "OPTIONS / RTSP/1.0"),
      bad("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
      line("two spaces", "GET  / HTTP/1.1"),
      line("space after the version", "GET / HTTP/1.1 "),
      line("space first", " GET / HTTP/1.1"),
      line("two empty lines first", "\r\n\r\nGET / HTTP/1.1"),
      line("many empty lines first", "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1"),
      line("LF first", "\nGET / HTTP/1.1"),
      line("CR first", "\rGET / HTTP/1.1"),
      bad("no Host", "GET / HTTP/1.1\r\n\r\n"),
      field("two Hosts", "Host: a"),
      bad("bad Host", "GET / HTTP/1.1\r\nHost: a/b@c d\r\n\r\n"),
      bad("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
      line("fragment", "GET /x#y HTTP/1.1"),
      line("GET *", "GET * HTTP/1.1"),
      line("user information", "GET http://user@a/ HTTP/1.1"),
      line("https in absolute form", "GET https://a/ HTTP/1.1"),
      line("no leading slash", "GET x HTTP/1.1"),
      line("TAB in the target", "GET /a\tb HTTP/1.1"),
      line("NUL in the target", "GET /\0 HTTP/1.1"s),
      line("byte above 0x7f in the target", "GET /\xff HTTP/1.1"),
      coding("CL and TE", " chunked\r\nContent-Length: 3"),
      length("TE and CL", " 3\r\nTransfer-Encoding: chunked"),
      length("CL twice", " 3\r\nContent-Length: 3"),
      length("CL list", " 3, 3"),
      length("CL +3", " +3"),
      length("CL -3", " -3"),
      length("CL 0x3", " 0x3"),
      length("CL 3 4", " 3 4"),
      length("CL empty", ""),
      length("CL 2^64", " 18446744073709551616"),
      coding("TE xchunked", " xchunked"),
      coding("TE quoted", " \"chunked\""),
      coding("TE with a parameter", " chunked;q=1"),
      coding("TE chunked, gzip", " chunked, gzip"),
      coding("TE identity, chunked", " identity, chunked"),
      coding("TE twice", " chunked\r\nTransfer-Encoding: chunked"),
      coding("TE with a vertical tab", " \vchunked"),
      coding("TE empty", ""),
      bad("TE on HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      field("NUL in a value", "X: a\0b"s),
      field("control character in a name", "X\x01: a"),
      field("DEL in a value", "X: a\x7f"),
      field("empty name", ": a"),
      field("line without a colon", "nocolon"),
      bad("long head", get + "X: " + std::string(600, 'a') + "\r\n\r\n", 431),
      bad("many fields",
          get + "A: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\n\r\n", 431),
      line("long target", "GET /" + std::string(100, 'a') + " HTTP/1.1", 414),
      line("CONNECT", "CONNECT a:443 HTTP/1.1", 405),
      line("TRACE", "TRACE / HTTP/1.1", 405),
      line("method FOO", "FOO / HTTP/1.1", 501),
      bad("unknown expectation", get + "Expect: 202-maybe\r\n\r\n", 417),
      bad("TLS", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n"s),
  };
}

// The head is in order, so it may have gone to the target before the body turned out to be bad.
inline std::vector<SplitCase> refused_bodies() {
  std::vector<SplitCase> cases;
  for (const std::string& body : {
           "a\r\n0123456789XX\r\n0\r\n\r\n"s,
           "1\rX\r\na\r\n0\r\n\r\n"s,
           "0\r\n\rX"s,
           "0\r\n\n"s,
           "1\na\r\n0\r\n\r\n"s,
           "1\r\na\n0\r\n\r\n"s,
           "ffffffffffffffff\r\nabc"s,
           "11111111111111111\r\nabc"s,
           "0x1\r\na\r\n0\r\n\r\n"s,
           "+1\r\na\r\n0\r\n\r\n"s,
           "1 \r\na\r\n0\r\n\r\n"s,
           "\r\na\r\n0\r\n\r\n"s,
           std::string(40, '0') + "1\r\na\r\n0\r\n\r\n",
           "1;" + std::string(40, 'a') + "\r\na\r\n0\r\n\r\n",
           "1;a=\0\r\na\r\n0\r\n\r\n"s,
           "1;a=\rb\r\na\r\n0\r\n\r\n"s,
           "0\r\nX: a\r\n b\r\n\r\n"s,
           "0\r\nnonsense\r\n\r\n"s,
           "0\r\nX: " + std::string(80, 'a') + "\r\n\r\n",
           "3\r\nabc\r\n1;\n"s,
       }) {
    SplitCase added{"chunks " + body, chunked + body + smuggled, ok, 400};
    added.partly_forwarded = true;
    cases.push_back(std::move(added));
  }
  return cases;
}

}  // namespace evenkeel::test
