#include "target_set.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel;
using namespace evenkeel::cli;
using Refusal = TargetSet::Refusal;

namespace {

Target target(std::string_view url, std::uint32_t weight = 1) {
  Target made = *Target::parse(url);
  made.weight = weight;
  return made;
}

std::vector<Target> as_named(const std::vector<Target>& named) {
  return named;
}

std::vector<std::string> ids(const TargetSet& set) {
  std::vector<std::string> all;
  for (const Target& each : set.targets()) all.push_back(each.id());
  return all;
}

}  // namespace

TEST_CASE("targets of all sources, the spec's first, each once") {
  TargetSet set(as_named);
  set.set(TargetSource::discovery, {target("http://b:1", 5), target("http://c:1")});
  set.set(TargetSource::spec, {target("http://a:1"), target("http://b:1", 2)});
  REQUIRE(set.add(target("http://d:1")));
  CHECK(ids(set) == std::vector<std::string>{"http://a:1", "http://b:1", "http://c:1", "http://d:1"});
  CHECK(set.targets()[1].weight == 2);
  CHECK(set.entries()[2].source == TargetSource::discovery);
}

TEST_CASE("what an operator says stands beside what the source says, for as long as the target is there") {
  TargetSet set(as_named);
  set.set(TargetSource::spec, {target("http://a:1", 2)});
  REQUIRE(set.change("http://a:1", 7, std::nullopt));
  REQUIRE(set.change("http://a:1", std::nullopt, AdminState::draining));
  CHECK(set.targets()[0].weight == 7);
  CHECK(set.targets()[0].admin == AdminState::draining);
  CHECK(set.entries()[0].overridden);
  set.set(TargetSource::spec, {target("http://a:1", 3)});
  CHECK(set.targets()[0].weight == 7);
  set.set(TargetSource::spec, {});
  set.set(TargetSource::spec, {target("http://a:1", 3)});
  CHECK(set.targets()[0].weight == 3);
  CHECK_FALSE(set.entries()[0].overridden);
}

TEST_CASE("only what an operator has added can be removed") {
  TargetSet set(as_named);
  set.set(TargetSource::spec, {target("http://a:1")});
  CHECK(set.add(target("http://a:1")).error() == Refusal::duplicate);
  CHECK(set.remove("http://a:1").error() == Refusal::not_ours);
  CHECK(set.remove("http://b:1").error() == Refusal::unknown);
  CHECK(set.change("http://b:1", 1, std::nullopt).error() == Refusal::unknown);
  REQUIRE(set.add(target("http://b:1")));
  CHECK(set.remove("http://b:1"));
  CHECK(ids(set) == std::vector<std::string>{"http://a:1"});
}

TEST_CASE("a name is what it stands for, and what is said of that ends with it") {
  std::vector<std::string_view> found{"http://10.0.0.1:1", "http://10.0.0.2:1"};
  TargetSet set([&](const std::vector<Target>& named) {
    std::vector<Target> all;
    for (const std::string_view url : found) all.push_back(target(url, named.empty() ? 1 : named[0].weight));
    return named.empty() ? named : all;
  });
  set.set(TargetSource::spec, {target("http://web:1", 3)});
  CHECK(ids(set) == std::vector<std::string>{"http://10.0.0.1:1", "http://10.0.0.2:1"});
  CHECK(set.targets()[1].weight == 3);
  CHECK(set.named()[0].id() == "http://web:1");
  REQUIRE(set.change("http://10.0.0.2:1", std::nullopt, AdminState::draining));
  CHECK(set.remove("http://10.0.0.2:1").error() == Refusal::not_ours);
  CHECK(set.add(target("http://10.0.0.2:1")).error() == Refusal::duplicate);
  CHECK(set.change("http://web:1", 2, std::nullopt).error() == Refusal::unknown);
  found.pop_back();
  set.forget_gone();
  found.push_back("http://10.0.0.2:1");
  CHECK(set.targets()[1].admin == AdminState::enabled);
}
