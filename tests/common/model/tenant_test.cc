#include "common/model/tenant.h"

#include <gtest/gtest.h>

namespace brazier {
namespace {

TEST(Tenant, EveryByteIsAllowedOrForbidden) {
  const std::string allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!-_.*'()";
  for (int byte = 0; byte < 256; ++byte) {
    const std::string id = {'a', static_cast<char>(byte), 'b'};
    const bool expected = allowed.find(static_cast<char>(byte)) != std::string::npos;
    const TenantCheck check = CheckTenant(id);
    EXPECT_EQ(check.ok(), expected) << byte;
    if (!expected) {
      EXPECT_EQ(check.fault, TenantFault::kForbiddenByte);
      EXPECT_EQ(check.position, 1u);
    }
  }
}

TEST(Tenant, NamesTheFault) {
  EXPECT_EQ(CheckTenant("").fault, TenantFault::kEmpty);
  EXPECT_EQ(CheckTenant(".").fault, TenantFault::kReserved);
  EXPECT_EQ(CheckTenant("..").fault, TenantFault::kReserved);
  EXPECT_TRUE(CheckTenant("...").ok());
  EXPECT_TRUE(CheckTenant(std::string(kTenantBytesMax, 'a')).ok());
  EXPECT_EQ(CheckTenant(std::string(kTenantBytesMax + 1, 'a')).fault, TenantFault::kTooLong);
  EXPECT_EQ(CheckTenant(std::string(kTenantBytesMax + 1, '/')).fault, TenantFault::kForbiddenByte);
  // A list is not an id.
  EXPECT_EQ(CheckTenant("a|b").fault, TenantFault::kForbiddenByte);
}

TEST(Tenants, AreSortedEachOnce) {
  std::vector<std::string> tenants = {"left over"};
  ASSERT_TRUE(ParseTenants("b|a|b", &tenants).ok());
  EXPECT_EQ(tenants, (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(ParseTenants("one", &tenants).ok());
  EXPECT_EQ(tenants, std::vector<std::string>{"one"});
}

TEST(Tenants, EveryOneIsChecked) {
  std::vector<std::string> tenants;
  for (std::string_view field : {"", "|", "a|", "|a", "a||b"}) {
    EXPECT_EQ(ParseTenants(field, &tenants).fault, TenantFault::kEmpty) << field;
  }
  const TenantCheck check = ParseTenants("good|no/good", &tenants);
  EXPECT_EQ(check.fault, TenantFault::kForbiddenByte);
  EXPECT_EQ(check.id, "no/good");
  EXPECT_EQ(check.position, 2u);
}

TEST(Tenants, AreCountedBeforeRepeatsGo) {
  std::string field = "a";
  for (size_t i = 1; i < kTenantsPerQueryMax; ++i) field += "|a";
  std::vector<std::string> tenants;
  ASSERT_TRUE(ParseTenants(field, &tenants).ok());
  EXPECT_EQ(tenants.size(), 1u);
  EXPECT_EQ(ParseTenants(field + "|b", &tenants).fault, TenantFault::kTooMany);
}

}  // namespace
}  // namespace brazier
