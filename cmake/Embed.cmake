# interlock_embed(TARGET NAMESPACE FUNCTION file...): gives TARGET a source that defines
#   std::span<const std::pair<std::string_view, std::string_view>> NAMESPACE::FUNCTION()
# with each file's name and text, so that the binary stands alone. Texts only: a file may not hold `)~embedded~"`.
function(interlock_embed target namespace function)
  set(rows "")
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(name ${file} NAME)
    file(READ ${file} text)
    string(APPEND rows "    {\"${name}\", R\"~embedded~(${text})~embedded~\"},\n")
  endforeach()
  list(LENGTH ARGN count)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${function}.cpp)
  file(GENERATE OUTPUT ${source} CONTENT
"// Written by cmake/Embed.cmake.
#include <array>
#include <span>
#include <string_view>
#include <utility>
namespace ${namespace} {
std::span<const std::pair<std::string_view, std::string_view>> ${function}();
std::span<const std::pair<std::string_view, std::string_view>> ${function}() {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, ${count}> files{{
${rows}  }};
  return files;
}
}
")
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -Wno-overlength-strings)
  target_sources(${target} PRIVATE ${source})
endfunction()
