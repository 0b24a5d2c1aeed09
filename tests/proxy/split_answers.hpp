// Responses whose outcome must not depend on how their bytes are cut into pieces.
#pragma once

#include "proxy/split_corpus.hpp"

namespace evenkeel::test {

inline std::vector<SplitCase> ordinary_answers() {
  const std::string head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string chunked_body = "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n";
  const std::string old = "GET / HTTP/1.0\r\n\r\n";
  return {
      {"counted", get + "\r\n", "HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 11\r\n\r\nhello world"},
      {"counted, and closed", get + "\r\n", ok, 200, false, true},
      {"counted, last", get + "\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"},
      {"chunked", get + "\r\n", chunks + chunked_body},
      {"chunked, pipelined", get + "\r\n" + get + "\r\n", chunks + chunked_body},
      {"chunked, for HTTP/1.0", old, chunks + chunked_body},
      {"until close", get + "\r\n", "HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello world", 200, false, true},
      {"until close, empty", get + "\r\n", "HTTP/1.1 200 OK\r\n\r\n", 200, false, true},
      {"until close, for HTTP/1.0", old, "HTTP/1.0 200 OK\r\n\r\nhello", 200, false, true},
      {"from HTTP/1.0", get + "\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, false, true},
      {"to HEAD", head + head, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"},
      {"to HEAD, chunked", head, chunks},
      {"304 with a length", get + "\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n", 304},
      {"204", get + "\r\n", "HTTP/1.1 204 No Content\r\n\r\n", 204},
      {"interim ones first", get + "\r\n",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok},
      {"interim one, for HTTP/1.0", old, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok},
      {"with more behind it", get + "\r\n", ok + ok},
      {"with no reason", get + "\r\n", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"},
      {"502 of its own", get + "\r\n", "HTTP/1.1 502 Bad\r\nContent-Length: 3\r\n\r\nbad", 502},
  };
}

inline std::vector<SplitCase> bad_answers() {
  std::vector<SplitCase> cases;
  for (const std::string& answer : {
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"s,
           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok"s,
           "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok"s,
           "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\nok"s,
           "HTTP/1.1 204 No\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"s,
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok"s,
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"s,
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
           "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
           "HTTP/1.1 99 Low\r\nContent-Length: 2\r\n\r\nok"s,
           "HTTP/1.1 0200 OK\r\nContent-Length: 2\r\n\r\nok"s,
           "HTTP/1.1 600 OK\r\nContent-Length: 2\r\n\r\nok"s,
           "HTTP/1.1  OK\r\nContent-Length: 2\r\n\r\nok"s,
           "HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok"s,
           "HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok"s,
           "HTTP/1.1 200\tOK\r\nContent-Length: 2\r\n\r\nok"s,
           "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"s,
           "HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 2\r\n\r\nok"s,
           "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok"s,
           "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"s,
           "HTTP/1.1 200 OK\r\nX: a\rContent-Length: 5\r\nContent-Length: 2\r\n\r\nok"s,
           "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"s,
           "just text\r\n\r\n"s,
           "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"s,
           "HTTP/1.1 200 OK\r\n: 2\r\n\r\nok"s,
           "HTTP/1.1 103 Early Hints\r\nLink : </a>\r\n\r\n"s,
           "HTTP/1.1 200 OK\r\nX: " + std::string(600, 'a') + "\r\n\r\n",
           switching,  // nobody had asked for it
       }) {
    cases.push_back({"answer " + answer, get + "\r\n", answer, 502});
  }
  // They end in the middle of their head.
  for (const std::string& answer : {""s, "HTTP/1.1 200 OK\r\nContent-Le"s, "HTTP/1.1 103 Hints\r\n\r\n"s}) {
    cases.push_back({"half an answer " + answer, get + "\r\n", answer, 502, false, true});
  }
  // Their heads are good: the client may have been sent a part before the rest turned out to be bad.
  for (const std::string& body :
       {"5\r\nhelloXX\r\n0\r\n\r\n"s, "3\nabc\r\n0\r\n\r\n"s, "g\r\n"s, "3\r\nab"s}) {
    SplitCase added{"chunks " + body,
                    get + "\r\n",
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body,
                    200,
                    false,
                    true};
    added.partly_forwarded = true;
    cases.push_back(std::move(added));
  }
  SplitCase shorter{"less than its length",
                    get + "\r\n",
                    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
                    200,
                    false,
                    true};
  shorter.partly_forwarded = true;
  cases.push_back(std::move(shorter));
  return cases;
}

}  // namespace evenkeel::test
