/* tests/c/test_classify.c - numbers of libcurl and of HTTP become codes: every one of them something, none of them "fine" by accident. */
#include <curl/curl.h>

#include "harness.h"
#include "transfer/classify.h"

TEST(what_libcurl_says_becomes_a_code)
{
  struct { int curl; enum hj_code code; } rows[] = {
    { CURLE_OK, HJ_E_OK },
    { CURLE_OUT_OF_MEMORY, HJ_E_NOMEM },
    { CURLE_COULDNT_RESOLVE_HOST, HJ_E_RESOLVE }, { CURLE_COULDNT_RESOLVE_PROXY, HJ_E_RESOLVE },
    { CURLE_COULDNT_CONNECT, HJ_E_CONNECT }, { CURLE_PROXY, HJ_E_CONNECT },
    { CURLE_OPERATION_TIMEDOUT, HJ_E_TIMEOUT },
    { CURLE_PEER_FAILED_VERIFICATION, HJ_E_TLS }, { CURLE_SSL_CACERT_BADFILE, HJ_E_TLS }, { CURLE_SSL_CERTPROBLEM, HJ_E_TLS },
    { CURLE_SSL_CONNECT_ERROR, HJ_E_RESET }, { CURLE_SEND_ERROR, HJ_E_RESET }, { CURLE_RECV_ERROR, HJ_E_RESET },
    { CURLE_GOT_NOTHING, HJ_E_RESET }, { CURLE_PARTIAL_FILE, HJ_E_RESET }, { CURLE_HTTP2, HJ_E_RESET }, { CURLE_HTTP2_STREAM, HJ_E_RESET },
    { CURLE_URL_MALFORMAT, HJ_E_BADARG }, { CURLE_UNSUPPORTED_PROTOCOL, HJ_E_PROTOCOL },
    { CURLE_WEIRD_SERVER_REPLY, HJ_E_PROTOCOL }, { CURLE_RANGE_ERROR, HJ_E_PROTOCOL }, { CURLE_FILESIZE_EXCEEDED, HJ_E_TOOBIG },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("CURLcode %d", rows[i].curl);
    CHECK_EQ(hj_code_of_curl(rows[i].curl), rows[i].code);
  }
  for (int c = 1; c < CURL_LAST + 5; c++) {
    context("CURLcode %d", c);
    CHECK_NE(hj_code_of_curl(c), HJ_E_OK);
    CHECK(hj_code_class(hj_code_of_curl(c))[0] != 0); /* something that Python can be told */
  }
}

TEST(what_a_proxy_did_is_told_from_what_the_host_did)
{
  struct { int curl, connect, px; enum hj_code code; } rows[] = {
    { CURLE_RECV_ERROR, 407, 0, HJ_E_PROXY_AUTH }, { CURLE_COULDNT_CONNECT, 407, 0, HJ_E_PROXY_AUTH },
    { CURLE_RECV_ERROR, 403, 0, HJ_E_PROXY_DENIED }, { CURLE_RECV_ERROR, 404, 0, HJ_E_PROXY_DENIED },
    { CURLE_RECV_ERROR, 502, 0, HJ_E_PROXY }, { CURLE_RECV_ERROR, 503, 0, HJ_E_PROXY }, { CURLE_RECV_ERROR, 429, 0, HJ_E_PROXY },
    { CURLE_RECV_ERROR, 200, 0, HJ_E_OK }, { CURLE_RECV_ERROR, 0, 0, HJ_E_OK }, { CURLE_OPERATION_TIMEDOUT, 0, 0, HJ_E_OK },
    { CURLE_COULDNT_CONNECT, 0, 0, HJ_E_PROXY }, { CURLE_COULDNT_RESOLVE_PROXY, 0, 0, HJ_E_PROXY },
    { CURLE_COULDNT_RESOLVE_HOST, 0, 0, HJ_E_PROXY }, { CURLE_PEER_FAILED_VERIFICATION, 0, 0, HJ_E_OK },
#if LIBCURL_VERSION_NUM >= 0x074900
    { CURLE_PROXY, 0, CURLPX_USER_REJECTED, HJ_E_PROXY_AUTH }, { CURLE_PROXY, 0, CURLPX_NO_AUTH, HJ_E_PROXY_AUTH },
    { CURLE_PROXY, 0, CURLPX_REPLY_NOT_ALLOWED, HJ_E_PROXY_DENIED }, { CURLE_PROXY, 0, CURLPX_REPLY_HOST_UNREACHABLE, HJ_E_PROXY },
    { CURLE_PROXY, 0, CURLPX_RESOLVE_HOST, HJ_E_RESOLVE },
#endif
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("curl %d, CONNECT %d, CURLPX %d", rows[i].curl, rows[i].connect, rows[i].px);
    CHECK_EQ(hj_code_of_proxy(rows[i].curl, rows[i].connect, rows[i].px), rows[i].code);
  }
}

TEST(a_status_becomes_a_code)
{
  struct { int status; enum hj_code code; } rows[] = {
    { 200, HJ_E_OK }, { 206, HJ_E_OK }, { 299, HJ_E_OK }, { 302, HJ_E_OK }, { 399, HJ_E_OK },
    { 400, HJ_E_HTTP_CLIENT }, { 401, HJ_E_HTTP_AUTH }, { 403, HJ_E_HTTP_DENIED }, { 404, HJ_E_HTTP_MISSING }, { 407, HJ_E_PROXY_AUTH },
    { 408, HJ_E_TIMEOUT }, { 410, HJ_E_HTTP_MISSING }, { 416, HJ_E_RANGE }, { 418, HJ_E_HTTP_CLIENT }, { 425, HJ_E_TIMEOUT },
    { 429, HJ_E_HTTP_LIMITED }, { 451, HJ_E_HTTP_DENIED }, { 500, HJ_E_HTTP_SERVER }, { 503, HJ_E_HTTP_SERVER }, { 511, HJ_E_PORTAL }, { 599, HJ_E_HTTP_SERVER },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("status %d", rows[i].status);
    CHECK_EQ(hj_code_of_status(rows[i].status), rows[i].code);
  }
  for (int s = 0; s < 1000; s++)
    CHECK_EQ(hj_code_of_status(s) == HJ_E_OK, s >= 200 && s < 400);
}
