#include "discovery/container.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel::discovery;

namespace {

// As dockerd writes it, shortened.
std::string container(std::string_view id, std::string_view more, std::string_view state = "running",
                      std::string_view status = "Up 2 hours", int created = 100) {
  return R"({"Id": ")" + std::string(id) + R"(", "Names": ["/other/)" + std::string(id) + R"(", "/)" +
         std::string(id) + R"("], "State": ")" + std::string(state) + R"(", "Status": ")" +
         std::string(status) + R"(", "Created": )" + std::to_string(created) + std::string(more) + "}";
}

bool takes_work(std::string_view state, std::string_view status) {
  const auto all = read_containers("[" + container("a", "", state, status) + "]");
  REQUIRE(all);
  REQUIRE(all->size() == 1);
  return all->front().takes_work;
}

}  // namespace

TEST_CASE("what dockerd tells of a container") {
  const auto all = read_containers("[" + container("web", R"(,
    "Labels": {"tsdproxy.enable": "true", "odd": 1},
    "Ports": [{"IP": "127.0.0.1", "PrivatePort": 3000, "PublicPort": 32768, "Type": "tcp"},
              {"PrivatePort": 53, "Type": "udp"}, {"PrivatePort": 9, "Type": "sctp"}, 7],
    "HostConfig": {"NetworkMode": "default"},
    "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2"}, "six": {"IPAddress": "", "GlobalIPv6Address": "fd00::2"},
                                     "none": {"IPAddress": ""}}})") +
                                   "]");
  REQUIRE(all);
  REQUIRE(all->size() == 1);
  const Container& web = all->front();
  CHECK(web.name == "web");
  CHECK(web.labels == std::map<std::string, std::string>{{"tsdproxy.enable", "true"}});
  CHECK(web.addresses == std::map<std::string, std::string>{{"bridge", "172.17.0.2"}, {"six", "fd00::2"}});
  REQUIRE(web.ports.size() == 2);
  CHECK(web.ports[0].outside == 32768);
  CHECK(web.ports[1].is_udp);
  CHECK(web.ports[1].outside == 0);
  CHECK(web.has_own_network);
  CHECK(web.takes_work);
}

TEST_CASE("who takes new work") {
  CHECK(takes_work("running", "Up 2 hours"));
  CHECK(takes_work("running", "Up 2 hours (healthy)"));
  CHECK_FALSE(takes_work("running", "Up 2 hours (unhealthy)"));
  CHECK_FALSE(takes_work("running", "Up 1 second (health: starting)"));
  CHECK_FALSE(takes_work("paused", "Up 2 hours (Paused)"));
}

TEST_CASE("only what runs is there, the oldest first, as dockerd has it within a second") {
  const auto all = read_containers(
      "[" + container("young", "", "running", "", 300) + "," + container("b", "", "running", "", 200) + "," +
      container("a", "", "running", "", 200) + "," + container("dead", "", "exited", "") + "]");
  REQUIRE(all);
  REQUIRE(all->size() == 3);
  CHECK((*all)[0].name == "a");
  CHECK((*all)[1].name == "b");
  CHECK((*all)[2].name == "young");
}

TEST_CASE("an answer that is none is refused, and what it lacks is missing") {
  CHECK_FALSE(read_containers(""));
  CHECK_FALSE(read_containers("{}"));
  CHECK(read_containers("[]")->empty());
  CHECK(read_containers("[1, {}, null]")->empty());
  CHECK(read_containers(
            R"([{"State": "running", "Labels": [], "Ports": {}, "NetworkSettings": 1, "HostConfig": []}])")
            ->size() == 1);
}

TEST_CASE("events") {
  const ContainerEvent kill = read_event(
      R"({"Type": "container", "Action": "kill", "time": 1700000000, "Actor": {"ID": "abc", "Attributes": {"name": "web", "signal": "15"}}})");
  CHECK(kill.action == "kill");
  CHECK(kill.id == "abc");
  CHECK(kill.signal == "15");
  CHECK(kill.time == 1'700'000'000);
  CHECK(read_event(R"({"Type": "network", "Action": "connect"})").action.empty());
  CHECK(read_event("nonsense").action.empty());
  CHECK(read_event("{}").action.empty());
}
