// What a tool spends: the amount that an argument names, or that none can be read.
#include <gtest/gtest.h>

#include <vector>

#include "catalogue/catalogue.hpp"

namespace interlock::catalogue {
namespace {

Result<std::shared_ptr<const Catalogue>> shop(const std::string& tool) {
  const std::vector<CatalogueSource> sources = {{"shop.yaml", "catalogue: 1\nentry: shop\ntools:\n  pay: " + tool + "\n"}};
  const std::vector<ServerBinding> servers = {{.name = "shop", .catalogue = "shop"}};
  return Catalogue::load(sources, servers);
}

TEST(Spends, ReadsTheAmountExactlyOrNotAtAll) {
  const auto catalogue = shop("{ effects: [send], band: 2, spends: /order/total }");
  ASSERT_TRUE(catalogue) << catalogue.error().text();
  const struct {
    json::value total;
    std::optional<std::int64_t> micros;
  } cases[] = {{"12.50", 12'500'000}, {3, 3'000'000}, {0.1, 100'000}, {"", {}},  {-1, {}},
               {"1e3", {}},           {1e21, {}},     {nullptr, {}},  {true, {}}};
  for (const auto& one : cases) {
    model::ActionRequest request;
    request.server = "shop";
    request.operation = "tools/call";
    request.target = "pay";
    request.args = json::object{{"order", json::object{{"total", one.total}}}};
    const auto act = (*catalogue)->classify(request);
    EXPECT_TRUE(act.spends);
    EXPECT_EQ(act.spend_micros, one.micros) << json::write(one.total);
  }
}

TEST(Spends, NamesOneArgument) {
  for (const std::string spends : {"/orders/*/total", "\"\"", "[total]"})
    EXPECT_FALSE(shop("{ effects: [send], band: 2, spends: " + spends + " }")) << spends;
  model::ActionRequest request;
  request.server = "shop";
  request.operation = "tools/call";
  request.target = "pay";
  EXPECT_FALSE((*shop("{ effects: [send], band: 2 }"))->classify(request).spends);
}

}  // namespace
}  // namespace interlock::catalogue
