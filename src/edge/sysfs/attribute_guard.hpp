// SPDX-License-Identifier: GPL-2.0-only
//
// Hardware settings that are changed for a while and put back: whatever ends the daemon, and only what is still as it was left.
//
// Before a value is written, what was there is noted in a file that outlives the process (below /run, so not the machine): after
// a SIGKILL the next start puts it back. A setting that somebody else has changed in the meantime is theirs, and stays. What
// could not be put back stays noted, and is tried again at the next occasion, the next start being one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace vigil {

class AttributeGuard {
 public:
  // `notes`: the file. `allowed`: base names of the attributes that may be written; a file that names any other is not believed.
  AttributeGuard(std::string notes, std::vector<std::string> allowed);
  AttributeGuard(const AttributeGuard&) = delete;
  AttributeGuard& operator=(const AttributeGuard&) = delete;
  // Puts everything back.
  ~AttributeGuard();

  // What a former life left behind: put back, a sentence each; held further where that was refused. Call before anything is set.
  std::vector<std::string> recover();

  // Absent `value`: as it was found. No write when nothing would change; the error says what was refused, and what was held
  // before is held still.
  Result<void> set(const std::string& path, const std::optional<std::string>& value);
  // A sentence on each that was put back or left alone.
  std::vector<std::string> restore_all();

  struct Held {
    std::string path, was, wrote;
  };
  const std::vector<Held>& held() const { return held_; }

 private:
  // `settled`: nothing is left to put back, because it is or because it is somebody else's by now.
  struct Ended {
    bool settled = false;
    std::string sentence;
  };
  // Neither: no such file. `foreign`: a sentence on a file that is none of ours. `text`: what follows our header.
  struct Notes {
    std::string foreign;
    std::optional<std::string> text;
  };
  Ended put_back(const Held& held) const;
  Notes read_notes() const;
  // Removes them when nothing is held; never touches a file that is none of ours.
  Result<void> write_notes() const;
  bool is_allowed(std::string_view path) const;

  std::string notes_;
  std::vector<std::string> allowed_;
  std::vector<Held> held_;
};

}  // namespace vigil
