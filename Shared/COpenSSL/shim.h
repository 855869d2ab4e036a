#pragma once
#include <openssl/evp.h>
#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pemerr.h>
#include <openssl/x509.h>

/* Macros that Swift does not see. */
static inline int openssl_error_reason(unsigned long error) { return ERR_GET_REASON(error); }
static inline unsigned long openssl_name_flags(void) { return XN_FLAG_RFC2253; }
