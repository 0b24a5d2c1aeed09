// What a request head costs before a target is picked: the scan for its end and its line structure, the
// whole reading (llhttp and judgement included), and the rewriting for the target.
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include "http/head_scanner.hpp"
#include "http/request_head.hpp"
#include "http/rewrite.hpp"

using namespace evenkeel::http;

namespace {

// A load generator's head, and one as a browser sends it.
std::string head_of(std::int64_t kind) {
  if (kind == 0) return "GET /100 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
  return "GET /dashboard?tab=overview&range=24h HTTP/1.1\r\nHost: myapp.example.ts.net\r\n"
         "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
         "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
         "Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n"
         "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nUpgrade-Insecure-Requests: 1\r\n"
         "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n\r\n";
}

void scan(benchmark::State& state) {
  const std::string head = head_of(state.range(0));
  for (auto _ : state) {
    HeadScanner scanner;
    benchmark::DoNotOptimize(scanner.scan(head));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * head.size()));
}

void read_whole(benchmark::State& state) {
  const std::string head = head_of(state.range(0));
  const auto fields = std::make_unique<FieldList>();
  RequestHead out;
  for (auto _ : state) benchmark::DoNotOptimize(read_request_head(head, {}, *fields, out));
}

void rewrite(benchmark::State& state) {
  const std::string head = head_of(state.range(0));
  const auto fields = std::make_unique<FieldList>();
  const auto list = std::make_unique<GatherList>();
  RequestHead out;
  if (read_request_head(head, {}, *fields, out) != 0) return state.SkipWithError("the head was refused");
  for (auto _ : state) {
    list->clear();
    gather_request_head(out, *fields, {.client_ip = "192.0.2.1"}, *list);
    benchmark::DoNotOptimize(list->bytes());
  }
}

BENCHMARK(scan)->Arg(0)->Arg(1);
BENCHMARK(read_whole)->Arg(0)->Arg(1);
BENCHMARK(rewrite)->Arg(0)->Arg(1);

}  // namespace

BENCHMARK_MAIN();
