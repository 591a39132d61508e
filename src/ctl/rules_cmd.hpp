// SPDX-License-Identifier: GPL-2.0-only
//
// `vigilctl rules check|test` and `profile check`: are the files right, and what would they decide? Works without a daemon.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vigil {

// A process as a person describes it.
struct DescribedProcess {
  std::string exe;                 // path or name
  std::string script;
  std::string argv0;               // "": the executable
  std::vector<std::string> args;   // behind argv[0]
  std::vector<std::string> env;    // NAME=value
  std::string comm;                // "": what the kernel would name it
  std::string cgroup;
  std::vector<std::string> kernel; // flags by name
  std::optional<std::uint32_t> uid;
  std::string before;              // class that it would inherit
  std::vector<std::string> under;  // marks

  bool says_nothing() const {
    return exe.empty() && script.empty() && argv0.empty() && args.empty() && env.empty() && comm.empty() &&
           cgroup.empty() && kernel.empty();
  }
};

struct CommandOutput {
  int status = 0;  // 0 done, 1 failed, 2 the description makes no sense
  std::string out;
  std::string err;
};

// Empty: the built-in ones, then those of /etc/vigil; but no profiles where only rules are named, for they may name others.
struct ConfigFolders {
  std::vector<std::string> rules;
  std::vector<std::string> profiles;
};

// `folders` empty: the built-in rules, then /etc/vigil/rules.d. Folders that somebody names build on the rules of `builtin`, unless it is one
// of them or is not there; "": the folder that ships. Mistakes go to `err`, with `json` to `out`.
CommandOutput check_rules(const std::vector<std::string>& folders, bool json, std::string builtin = "");
CommandOutput test_rules(const ConfigFolders& folders, const DescribedProcess& process, bool json);
// Likewise of profiles, unless `folders` names rules, too. `builtin`: the folders that ship; empty: the default ones.
CommandOutput check_profiles(const ConfigFolders& folders, bool json, const ConfigFolders& builtin = {});

// The same, printed; the exit status.
int run_rules_check(const std::vector<std::string>& folders, bool json);
int run_rules_test(const ConfigFolders& folders, const DescribedProcess& process, bool json);
int run_profile_check(const std::vector<std::string>& profile_folders, const std::vector<std::string>& rule_folders, bool json);

}  // namespace vigil
