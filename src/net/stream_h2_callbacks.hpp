// What libnghttp2 calls while H2Session runs it. Private to H2Session, whose user pointer they get.
#pragma once

#include <nghttp2/nghttp2.h>

namespace interlock::net {

const nghttp2_session_callbacks* h2_callbacks();
nghttp2_data_provider h2_body();  // of a stream that H2Session knows

}  // namespace interlock::net
