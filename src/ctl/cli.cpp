// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/cli.hpp"

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "base/workload_class.hpp"
#include "ctl/ask_cmd.hpp"
#include "ctl/bundle_cmd.hpp"
#include "ctl/client.hpp"
#include "ctl/doctor_cmd.hpp"
#include "ctl/replay_cmd.hpp"
#include "ctl/rules_cmd.hpp"
#include "ctl/stream_cmd.hpp"
#include "ctl/top_cmd.hpp"
#include "ctl/topology_cmd.hpp"

namespace vigil::ctl {

namespace {

// "'gmaing' is not …; did you mean 'gaming'?"
std::string not_one_of(const std::string& word, const std::vector<std::string>& known) {
  std::string message = "'" + word + "' is not known";
  if (const auto near = nearest(word, known)) return message + "; did you mean '" + *near + "'?";
  message += "; there are";
  for (const auto& each : known) message += ' ' + each;
  return message;
}

std::vector<std::string> class_names() {
  std::vector<std::string> names{"auto"};
  for (const auto klass : kWorkloadClasses) names.emplace_back(to_string(klass));
  return names;
}

CLI::Validator one_of(std::vector<std::string> known) {
  return {[known = std::move(known)](const std::string& word) {
            return std::ranges::find(known, word) == known.end() ? not_one_of(word, known) : std::string();
          },
          ""};
}

class CommandLine {
 public:
  CommandLine() {
    app_.name("vigilctl");
    app_.set_version_flag("--version", "vigilctl " VIGIL_VERSION);
    app_.add_flag("--json", options_.json, "One JSON object, or one a line for streams");
    app_.add_option("--socket", options_.socket, "The daemon's control socket")->capture_default_str();
    // --json and --socket are understood behind the command as well.
    app_.fallthrough();
    app_.require_subcommand(1);
    app_.footer("Exit status: 0 done, 1 failed, 2 usage, 3 no daemon running.");
    add_questions();
    add_streams();
    add_choices();
    add_machine();
    add_rules();
  }

  int run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error) == 0 ? kDone : kUsage;
    }
    return command_();
  }

 private:
  CLI::App* add(const char* name, const char* what, std::function<int()> command,
                CLI::App* parent = nullptr) {
    auto* made = (parent == nullptr ? &app_ : parent)->add_subcommand(name, what);
    made->callback([this, command = std::move(command)] { command_ = command; });
    return made;
  }

  CLI::Option* add_pid(CLI::App* command) {
    return command->add_option("PID", pid_, "A process or thread number")
        ->required()
        ->check(CLI::Range(std::uint32_t{1}, wire::kMaxPid));
  }

  void add_questions() {
    add("status", "Mode, counts, losses, ejections, what is missing",
        [this] { return run_status(options_); });
    add("top", "The same, live, with the latest verdicts", [this] { return run_top(options_); });
    add_pid(add("explain", "Why a task is treated as it is", [this] { return run_explain(options_, pid_); }));
    auto* stats =
        add("stats", "Counters and histograms", [this] { return run_stats(options_, openmetrics_); });
    stats->add_flag("--openmetrics", openmetrics_, "In the OpenMetrics text format");
  }

  void add_streams() {
    auto* watch =
        add("watch", "A line per verdict as it falls", [this] { return run_watch(options_, all_); });
    watch->add_flag("--all", all_, "Every event");
    auto* record = add("record", "The event stream to a file, until Ctrl-C",
                       [this] { return run_record(options_, file_); });
    record->add_option("FILE", file_, "'-' for stdout")->required();
    auto* replay = add("replay", "The verdicts a recording leads to, offline",
                       [this] { return run_replay(options_, file_); });
    replay->add_option("FILE", file_, "'-' for stdin")->required();
  }

  void add_choices() {
    auto* klass = add("class", "A person's verdict, until the process exits or 'auto'", [this] {
      const bool automatic = word_ == "auto";
      return run_class(options_,
                       {.pid = pid_, .klass = automatic ? std::nullopt : parse_workload_class(word_)});
    });
    add_pid(klass);
    klass->add_option("CLASS", word_, "A class, or 'auto' for what the rules say")
        ->required()
        ->check(one_of(class_names()));

    auto* mode = add("mode", "Show or choose what the machine is for now", [this] {
      return run_mode(options_, {.mode = word_.empty() ? std::nullopt : wire::parse_mode(word_)});
    });
    mode->add_option("MODE", word_, "auto, gaming, powersave, lowlatency or server")
        ->check(one_of({"auto", "gaming", "powersave", "lowlatency", "server"}));

    using Action = wire::ProfileCall::Action;
    auto* profile = app_.add_subcommand("profile", "Settings for one game or use");
    profile->fallthrough();
    profile->require_subcommand(1);
    const auto act = [this](Action action) {
      return [this, action] {
        return run_profile(options_, {.action = action, .name = word_, .pid = pid_ ? std::optional(pid_) : std::nullopt});
      };
    };
    add("list", "The profiles there are", act(Action::list), profile);
    add("show", "What one says", act(Action::show), profile)->add_option("NAME", word_)->required();
    auto* use = add("use", "This one, for a process and what it starts, or for every game", act(Action::use), profile);
    use->add_option("NAME", word_, "A profile, or 'none'")->required();
    use->add_option("PID", pid_, "A process number; without it, every game")->check(CLI::Range(std::uint32_t{1}, wire::kMaxPid));
    add("auto", "Matching decides again, everywhere", act(Action::automatic), profile);
    add("check", "Every mistake in profile files at once; needs no daemon",
        [this] { return run_profile_check(folders_, rule_folders_, options_.json); }, profile);
    auto* check = profile->get_subcommand("check");
    check->add_option("DIR", folders_, "Profile folders, beside the built-in one [the built-in one, then /etc/vigil/profiles.d]");
    check->add_option("--rules", rule_folders_, "A rule folder in place of the built-in one and /etc/vigil/rules.d; may be repeated")->type_name("DIR")->allow_extra_args(false);
  }

  void add_machine() {
    auto* topology = add("topology", "The CPUs, caches and memory as the scheduler sees them",
                         [this] { return run_topology(sysfs_, options_.json, proc_); });
    auto* devices = add("devices", "GPUs, CXL memory and power",
                        [this] { return run_devices(sysfs_, options_.json, proc_); });
    for (auto* command : {topology, devices}) {
      command->add_option("--sysfs-root", sysfs_, "Read a captured tree instead of /sys");
      command->add_option("--proc-root", proc_, "And this instead of /proc");
    }
    add("doctor", "What could be better on this machine", [this] { return run_doctor(options_); });
    auto* bundle = add("bundle", "Everything a bug report needs, in one file",
                       [this] { return run_bundle(options_, file_); });
    bundle->add_option("FILE", file_, "Where to; without it a new file in this folder, '-' for stdout");
  }

  void add_rules() {
    auto* rules = app_.add_subcommand("rules", "Check rule files; say what they would decide");
    rules->fallthrough();
    rules->require_subcommand(1);
    add("check", "Every mistake at once; what is left to the daemon, and why",
        [this] { return run_rules_check(folders_, options_.json); }, rules)
        ->add_option("DIR", folders_, "Rule folders, beside the built-in one [the built-in one, then /etc/vigil/rules.d]");

    auto* test = add("test", "What would be decided for a process like this",
                     [this] { return run_rules_test({folders_, profile_folders_}, process_, options_.json); }, rules);
    test->add_option("--rules", folders_, "A rule folder in place of the built-in one and /etc/vigil/rules.d; may be repeated: later ones override earlier ones")->type_name("DIR")->allow_extra_args(false);
    test->add_option("--profiles", profile_folders_, "A profile folder, likewise; with --rules alone there are no profiles")->type_name("DIR")->allow_extra_args(false);
    test->add_option("--exe", process_.exe, "The executable")->type_name("PATH");
    test->add_option("--script", process_.script, "The script, where it is one")->type_name("PATH");
    test->add_option("--argv0", process_.argv0, "argv[0] [the executable]")->type_name("TEXT");
    test->add_option("--arg", process_.args, "An argument; may be repeated")->type_name("TEXT")->allow_extra_args(false);
    test->add_option("--env", process_.env, "A variable; may be repeated")->type_name("NAME=VALUE")->allow_extra_args(false);
    test->add_option("--comm", process_.comm, "The thread's name [the program's]")->type_name("NAME");
    test->add_option("--cgroup", process_.cgroup, "Path in the unified hierarchy")->type_name("PATH");
    test->add_option("--kernel", process_.kernel, "What the kernel says: kthread, kworker, pidns, nice, realtime")
        ->type_name("FLAG")->allow_extra_args(false);
    test->add_option("--uid", process_.uid, "The user's number")->type_name("NUMBER");
    test->add_option("--before", process_.before, "The class of what it was before, if that is inherited")->type_name("CLASS");
    test->add_option("--under", process_.under, "A mark of what it descends from")->type_name("MARK")->allow_extra_args(false);
  }

  CLI::App app_{"Asks and tells Vigil, which knows what every process is for."};
  Options options_;
  std::function<int()> command_;
  std::uint32_t pid_ = 0;
  bool all_ = false, openmetrics_ = false;
  std::string word_, file_;
  std::vector<std::string> folders_, rule_folders_, profile_folders_;
  DescribedProcess process_;
  std::string sysfs_ = "/sys", proc_;
};

}  // namespace

int run_vigilctl(int argc, char** argv) {
  return CommandLine().run(argc, argv);
}

}  // namespace vigil::ctl
