// SPDX-License-Identifier: GPL-2.0-only
//
// Follows one sysfs attribute that announces its own changes (sysfs_notify), such as platform_profile: the kernel
// sends no uevent for these. Nothing is read but after an announcement.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "loop/loop.hpp"

namespace vigil {

class AttributeWatch {
 public:
  using Callback = std::function<void(const std::string& value)>;

  // The value at the start is not called back; read it with the rest. An attribute that is not there is an error
  // with code ENOENT, which callers treat as "this machine has none".
  static Result<AttributeWatch> create(loop::Loop& loop, const std::string& path, Callback callback);

  AttributeWatch(AttributeWatch&&) noexcept;
  AttributeWatch& operator=(AttributeWatch&&) noexcept;
  ~AttributeWatch();

 private:
  struct State;
  explicit AttributeWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vigil
