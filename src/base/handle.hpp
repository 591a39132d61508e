// SPDX-License-Identifier: GPL-2.0-only
//
// Owns a C library's object: Handle<udev, udev_unref>, Handle<bpf_link, bpf_link__destroy>.
#pragma once

#include <memory>

namespace vigil {

template <auto Free>
struct HandleDeleter {
  template <typename T>
  void operator()(T* object) const {
    (void)Free(object);
  }
};

template <typename T, auto Free>
using Handle = std::unique_ptr<T, HandleDeleter<Free>>;

}  // namespace vigil
