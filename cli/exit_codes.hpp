// How the command ends: part of its interface, documented in --help.
#pragma once

namespace evenkeel::cli {

enum class ExitCode : int {
  ok = 0,
  bad_spec = 1,       // the spec cannot be read, holds mistakes, or names a file that cannot be used
  failed = 1,         // what a scenario expects does not hold
  bad_usage = 2,      // unknown option, missing argument
  cannot_listen = 3,  // a port cannot be bound; nothing was left running
  internal = 4,       // the system refused something else: threads, memory, descriptors
  cut_off = 5,        // stopped, but work under way was cut: drain timeout or second signal
};

}  // namespace evenkeel::cli
