// SPDX-License-Identifier: GPL-2.0-only
#include "rule_sets.hpp"

#include "core/config/rules.hpp"
#include "edge/files/config_files.hpp"
#include "machine.hpp"

namespace vigil::bench {

std::vector<config::SourceFile> shipped_rules(const std::string& folder) {
  return must(edge::read_rule_folders({folder}));
}

std::vector<config::SourceFile> with_made_up_rules(std::vector<config::SourceFile> files, std::size_t count) {
  static constexpr const char* kClasses[] = {"gaming", "batch", "latency", "ai", "interactive"};
  config::SourceFile file;
  file.path = "made-up.toml";
  file.layer = 1;
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = std::to_string(i);
    file.text += "[[rule]]\nname = \"made-up-" + number + "\"\nclass = \"" + kClasses[i % 5] + "\"\n";
    if (i % 10 == 8)
      file.text += "arg = \"--made-up-" + number + "\"\n";
    else if (i % 10 != 9)
      file.text += "exe = \"made-up-" + number + "\"\n";
    else if (i / 10 % 3 == 0)
      file.text += "env = \"MADE_UP_" + number + "\"\n";
    else if (i / 10 % 3 == 1)
      file.text += "thread = \"made-up" + number + "\"\n";
    else
      file.text += "cgroup = \"made-up-" + number + ".scope\"\n";
  }
  if (count) files.push_back(std::move(file));
  return files;
}

std::vector<config::SourceFile> with_long_lists(std::vector<config::SourceFile> files, std::size_t count) {
  config::SourceFile file;
  file.path = "long-lists.toml";
  file.layer = 1;
  for (const char* list : {"never", "helpers"}) {
    file.text += std::string(file.text.empty() ? "[lists]\n" : "") + list + " = [";
    for (int i = 0; i < 1000; ++i) file.text += "\"" + std::string(list) + "-" + std::to_string(i) + "\", ";
    file.text += "]\n";
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = std::to_string(i);
    file.text += "[[rule]]\nname = \"long-" + number + "\"\nclass = \"gaming\"\nexe = \"long-" + number +
                 "\"\nnot_program = [\"@never\", \"@not_a_game\"]\nany = { argv0 = \"@helpers\", program = \"long-*\" }\n";
  }
  files.push_back(std::move(file));
  return files;
}

std::vector<config::SourceFile> made_up_ananicy(std::size_t count) {
  config::SourceFile types{"made-up.types", "{ \"type\": \"Game\", \"nice\": -7 }\n{ \"type\": \"BG_CPUIO\", \"nice\": 19 }\n", -1};
  config::SourceFile rules{"made-up.rules", "", -1};
  for (std::size_t i = 0; i < count; ++i)
    rules.text += "{ \"name\": \"Made up game " + std::to_string(i) + (i % 5 < 3 ? ".exe" : "") + "\", \"type\": \"" +
                  (i % 7 ? "Game" : "BG_CPUIO") + "\" }\n";
  return {std::move(types), std::move(rules)};
}

classify::CompiledRules compile(const std::vector<config::SourceFile>& files) {
  auto rules = config::parse_rules(files);
  if (!rules) fatal(config::to_string(rules.error()));
  return classify::compile(*rules);
}

}  // namespace vigil::bench
