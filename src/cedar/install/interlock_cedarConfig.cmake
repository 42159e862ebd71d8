# find_package(interlock_cedar) gives interlock::cedar: libcedar.a with what it needs of the house's base.
include(CMakeFindDependencyMacro)
find_dependency(ICU COMPONENTS uc i18n)
find_dependency(Boost 1.81)
include(${CMAKE_CURRENT_LIST_DIR}/interlock_cedarTargets.cmake)
