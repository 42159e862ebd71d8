#include "lease_parts.hpp"

#include <cstdlib>

namespace interlock::credential {

World::World() {
  std::string name = (std::filesystem::temp_directory_path() / "interlock-leases-XXXXXX").string();
  folder = ::mkdtemp(name.data());
  sealed = std::make_unique<store::SealedStore>(*store, std::move(*store::MasterKey::open_file(folder / "master.key")));
}

World::~World() {
  broker->on_the_way.clear();  // what it holds holds it
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

}  // namespace interlock::credential
