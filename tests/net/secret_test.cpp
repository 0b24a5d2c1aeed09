#include "evenkeel/secret.hpp"

#include <cstdlib>
#include <fstream>

#include <catch2/catch.hpp>

#include "tailnet/stand_in.hpp"

using evenkeel::read_secret;
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
  CHECK(read_secret("", "auth key") == "");
  CHECK(read_secret("file:" + file_with(directory, " tskey-auth-a1\r\n\n"), "auth key") == "tskey-auth-a1");
  ::setenv("EVENKEEL_TEST_KEY", "\ttskey-auth-b2\n", 1);
  CHECK(read_secret("env:EVENKEEL_TEST_KEY", "auth key") == "tskey-auth-b2");
  ::unsetenv("EVENKEEL_TEST_KEY");
}

TEST_CASE("a key that cannot be had: why, and nothing of what was read") {
  const Directory directory;
  CHECK(read_secret("file:/nowhere/key", "auth key").error() ==
        "the auth key file /nowhere/key cannot be read: No such file or directory");
  const std::string path = file_with(directory, " \n");
  CHECK(read_secret("file:" + path, "auth key").error() == "the auth key file " + path + " is empty");
  file_with(directory, "tskey-auth-a1\ntskey-auth-a2\n");
  CHECK(read_secret("file:" + path, "auth key").error() ==
        "the auth key file " + path + " holds more than one word");
  file_with(directory, std::string(5'000, 'k'));
  CHECK(read_secret("file:" + path, "auth key").error() == "the auth key file " + path + " is too long");
  CHECK(read_secret("file:/", "auth key").error() == "the auth key file / cannot be read: Is a directory");
  CHECK(read_secret("env:EVENKEEL_TEST_NO_KEY", "auth key").error() ==
        "the environment variable EVENKEEL_TEST_NO_KEY is not set");
  CHECK(read_secret("tskey-auth-a1", "auth key").error() == "the auth key is neither file:PATH nor env:NAME");
}
