// A new memory store with every key of another: what a member finds on its disk after the power was cut.
#pragma once

#include <memory>
#include <string>

#include "common/base/check.h"
#include "store/kv/key_value_store.h"

namespace brazier::kv {

inline std::unique_ptr<KeyValueStore> CopyOf(const Reader& store) {
  std::unique_ptr<KeyValueStore> copy = MakeMemoryKeyValueStore();
  for (Family family : {Family::kLog, Family::kState, Family::kStaging}) {
    WriteBatch batch;
    const Status status = store.Scan(family, "", "", [&](std::string_view key, std::string_view value) {
      batch.Put(family, std::string(key), std::string(value));
      return true;
    });
    CHECK(status.ok());
    CHECK(copy->Write(batch, true).ok());
  }
  return copy;
}

}  // namespace brazier::kv
