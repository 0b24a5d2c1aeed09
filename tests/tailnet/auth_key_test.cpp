#include "tailnet/auth_key.hpp"

#include <cstdlib>
#include <fstream>

#include <catch2/catch.hpp>

#include "tailnet/stand_in.hpp"

using namespace evenkeel::tailnet;
using namespace evenkeel::test;

namespace {

std::string file_with(const Directory& directory, std::string_view text) {
  const std::string path = directory.socket() + ".key";
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

}  // namespace

TEST_CASE("a key from a file or the environment, without the white space around it") {
  const Directory directory;
  CHECK(read_auth_key("") == "");
  CHECK(read_auth_key("file:" + file_with(directory, " tskey-auth-a1\r\n\n")) == "tskey-auth-a1");
  ::setenv("EVENKEEL_TEST_KEY", "\ttskey-auth-b2\n", 1);
  CHECK(read_auth_key("env:EVENKEEL_TEST_KEY") == "tskey-auth-b2");
  ::unsetenv("EVENKEEL_TEST_KEY");
}

TEST_CASE("a key that cannot be had: why, and nothing of what was read") {
  const Directory directory;
  CHECK(read_auth_key("file:/nowhere/key").error() ==
        "the auth key file /nowhere/key cannot be read: No such file or directory");
  const std::string path = file_with(directory, " \n");
  CHECK(read_auth_key("file:" + path).error() == "the auth key file " + path + " is empty");
  file_with(directory, "tskey-auth-a1\ntskey-auth-a2\n");
  CHECK(read_auth_key("file:" + path).error() == "the auth key file " + path + " holds more than a key");
  file_with(directory, std::string(5'000, 'k'));
  CHECK(read_auth_key("file:" + path).error() == "the auth key file " + path + " is too long for a key");
  CHECK(read_auth_key("file:/").error() == "the auth key file / cannot be read: Is a directory");
  CHECK(read_auth_key("env:EVENKEEL_TEST_NO_KEY").error() ==
        "the environment variable EVENKEEL_TEST_NO_KEY is not set");
  CHECK(read_auth_key("tskey-auth-a1").error() == "the auth key is neither file:PATH nor env:NAME");
}
