#include "worker/query_backend/loaded_block.h"

namespace brazier::query_backend {

Status LoadedBlock::Load(object::ObjectStore& store, const block::BlockSections::Wanted& wanted) {
  Result<block::BlockSections> sections = block::BlockSections::FetchWanted(store, read_, wanted);
  if (!sections.ok()) return sections.status().Annotate("block " + read_.object_key);
  sections_.Add(std::move(sections).value());
  return Status::Ok();
}

Status LoadedBlock::ReadSymbols(size_t dataset, SymbolTable* symbols) const {
  ASSIGN_OR_RETURN(const SymbolTable* shared, SharedSymbols(read_.datasets[dataset].tenant));
  *symbols = *shared;
  return sections_.OwnSymbols(dataset, symbols);
}

Result<const SymbolTable*> LoadedBlock::SharedSymbols(const std::string& tenant) const {
  std::lock_guard lock(mu_);
  for (const auto& shared : shared_) {
    if (shared->tenant == tenant) return &shared->symbols;
  }
  ASSIGN_OR_RETURN(SymbolTable symbols, sections_.SharedSymbols(tenant));
  shared_.push_back(std::make_unique<const Shared>(Shared{tenant, std::move(symbols)}));
  return &shared_.back()->symbols;
}

}  // namespace brazier::query_backend
