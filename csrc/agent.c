/*
 * agent.c: an agent is a process with files: the program, its prices and its configuration are
 * uploaded into a folder of its own, then node runs it there. Constructor only (loop thread);
 * process.c carries it out. Everything it owns lives as long as the call.
 */
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "json.h"
#include "process.h"
#include "url.h"

#define MAX_SYMBOLS 1000
#define MAX_CONFIG (4u * 1024 * 1024)
#define MAX_NAME 100

/* A file in the agent's own folder. */
static bool name_valid(const char *name) {
    size_t len = strlen(name);
    if (len < 1 || len > MAX_NAME || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (const char *p = name; *p; p++) {
        if (*p == '/' || (unsigned char)*p < ' ') return false;
    }
    return true;
}

/* And a word in which no shell, and not node, sees anything else. */
static bool program_name_valid(const char *name) {
    return name_valid(name) && name[0] != '-' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
               strlen(name);
}

static int check(const e2b_agent_args_t *args, e2b_err_t *err) {
    if (!args->agent_id || !e2b_url_id_valid(args->agent_id, strlen(args->agent_id))) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                           "agentId must be 1 to 64 letters, digits, '-' or '_'");
    }
    if (args->symbols.count < 1 || args->symbols.count > MAX_SYMBOLS) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "symbols must hold 1 to %d symbols",
                           MAX_SYMBOLS);
    }
    if (!args->program || !args->program_name || !args->agent_type) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "agentType has no program");
    }
    if (!program_name_valid(args->program_name)) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "the program's file name is not plain");
    }
    for (size_t i = 0; i < args->symbols.count; i++) {
        if (!name_valid(args->data_names[i])) {
            return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                               "the data's file name %zu is not plain", i + 1);
        }
    }
    return E2B_OK;
}

/* { agentType, symbols, params, data: { SYMBOL: "data/FILE" } }: paths are relative to the folder.
 */
static int build_config(const e2b_agent_args_t *args, char **out, e2b_err_t *err) {
    cJSON *params = e2b_json_parse(args->params_json, strlen(args->params_json));
    if (!cJSON_IsObject(params)) {
        cJSON_Delete(params);
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "strategyParams must be a JSON object");
    }
    cJSON *tree = cJSON_CreateObject();
    bool fine = cJSON_AddItemToObject(tree, "params", params);
    if (!fine) cJSON_Delete(params);
    fine = fine && cJSON_AddStringToObject(tree, "agentType", args->agent_type);
    cJSON *symbols = fine ? cJSON_AddArrayToObject(tree, "symbols") : NULL;
    cJSON *data = symbols ? cJSON_AddObjectToObject(tree, "data") : NULL;
    for (size_t i = 0; data && fine && i < args->symbols.count; i++) {
        char path[MAX_NAME + 8];
        snprintf(path, sizeof path, "data/%s", args->data_names[i]);
        cJSON *symbol = cJSON_CreateString(args->symbols.items[i]);
        fine = symbol && cJSON_AddItemToArray(symbols, symbol);
        if (!fine) cJSON_Delete(symbol);
        fine = fine && cJSON_AddStringToObject(data, args->symbols.items[i], path);
    }
    e2b_buf_t text;
    e2b_buf_init(&text, MAX_CONFIG);
    int code = fine && data ? e2b_json_print(&text, tree) : E2B_ERR_OUT_OF_MEMORY;
    if (code == E2B_OK && !(*out = e2b_buf_take(&text, NULL))) code = E2B_ERR_OUT_OF_MEMORY;
    e2b_buf_destroy(&text);
    cJSON_Delete(tree);
    return code == E2B_OK ? code : e2b_op_refuse(code, "strategyParams", err);
}

/* The program and the configuration are ours: the op owns them until it is freed. */
static int run(const e2b_call_t *call, const char *sandbox_id, const e2b_agent_args_t *args,
               e2b_op_t **out, e2b_err_t *err) {
    size_t count = args->symbols.count + 2;
    e2b_upload_t *uploads = e2b_calloc(count, sizeof *uploads);
    char(*paths)[256] = e2b_calloc(count, sizeof *paths);
    char *config = NULL, *program = e2b_strdup(args->program);
    char folder[96], script[320];
    int code = E2B_ERR_OUT_OF_MEMORY;
    if (!uploads || !paths || !program) goto done;
    if ((code = build_config(args, &config, err)) != E2B_OK) goto done;
    snprintf(folder, sizeof folder, "agents/%s", args->agent_id);
    snprintf(paths[0], sizeof *paths, "%s/%s", folder, args->program_name);
    snprintf(paths[1], sizeof *paths, "%s/config.json", folder);
    uploads[0] = (e2b_upload_t){paths[0], {program, strlen(program)}};
    uploads[1] = (e2b_upload_t){paths[1], {config, strlen(config)}};
    for (size_t i = 0; i < args->symbols.count; i++) {
        snprintf(paths[i + 2], sizeof *paths, "%s/data/%s", folder, args->data_names[i]);
        uploads[i + 2] = (e2b_upload_t){paths[i + 2], args->data[i]};
    }
    /* A login shell, because node may be on the login PATH only. */
    snprintf(script, sizeof script, "cd ~/%s && exec node %s config.json", folder,
             args->program_name);
    e2b_exec_args_t exec = {.command = script,
                            .shell = true,
                            .timeout_s = args->timeout_s,
                            .user = args->user,
                            .env = args->env,
                            .keep = true,
                            .stream = args->stream,
                            .max_output = args->max_output,
                            .uploads = uploads,
                            .upload_count = count};
    code = e2b_op_exec(call, sandbox_id, &exec, out, err);
done:
    e2b_free(uploads);
    e2b_free(paths);
    if (code == E2B_OK) {
        e2b_process_own(*out, config, program);
        return code;
    }
    e2b_free(config);
    e2b_free(program);
    return code == E2B_ERR_OUT_OF_MEMORY ? e2b_err_set(err, code, "out of memory") : code;
}

int e2b_op_agent(const e2b_call_t *call, const char *sandbox_id, const e2b_agent_args_t *args,
                 e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    int code = check(args, err);
    return code == E2B_OK ? run(call, sandbox_id, args, out, err) : code;
}
