// SPDX-License-Identifier: GPL-2.0-only
//
// A BPF array map (BPF_F_MMAPABLE) as memory: read and written without a system call.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

#include "base/result.hpp"

namespace vigil {

class MapMemory {
 public:
  MapMemory() = default;
  MapMemory(MapMemory&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  MapMemory& operator=(MapMemory&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MapMemory() {
    if (address_) ::munmap(address_, bytes_);
  }

  static Result<MapMemory> map(int fd, std::size_t value_size, std::size_t entries, bool writable) {
    MapMemory out;
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    out.bytes_ = (value_size * entries + page - 1) / page * page;
    void* address = ::mmap(nullptr, out.bytes_, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) return fail_system("map a BPF array into memory");
    out.address_ = address;
    return out;
  }

  // Elements lie one after the other, each rounded up to eight bytes by the kernel.
  template <typename T>
  T* as() const {
    return static_cast<T*>(address_);
  }
  explicit operator bool() const { return address_ != nullptr; }

 private:
  void* address_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace vigil
