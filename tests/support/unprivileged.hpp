// SPDX-License-Identifier: GPL-2.0-only
//
// While it lives, this thread obeys the permissions of files even when it is root's: so that a test can have writes refused.
#pragma once

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace vigil::test {

class Unprivileged {
 public:
  Unprivileged() {
    if (::syscall(SYS_capget, &header_, before_.data()) != 0) return;
    auto fewer = before_;
    fewer[0].effective &= ~((1u << CAP_DAC_OVERRIDE) | (1u << CAP_DAC_READ_SEARCH));
    ok_ = ::syscall(SYS_capset, &header_, fewer.data()) == 0;
  }
  ~Unprivileged() {
    if (ok_) (void)::syscall(SYS_capset, &header_, before_.data());
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

  bool ok() const { return ok_; }

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> before_{};
  bool ok_ = false;
};

}  // namespace vigil::test
