/*
 * news.h: what came of a step, told to JavaScript. Loop thread, while no step runs.
 */
#ifndef E2B_NAPI_NEWS_H
#define E2B_NAPI_NEWS_H

#include "calls.h"
#include "instance.h"

/* Takes all news of the client and hands them to the hook `settle` as one batch. JavaScript runs in
 * here: it may submit, cancel, abandon. */
void e2b_news_deliver(e2b_instance_t *instance, e2b_client_t *client, e2b_calls_t *calls);

#endif
