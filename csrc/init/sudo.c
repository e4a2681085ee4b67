/*
 * sudo.c: this program under the name `sudo`: where the sandbox has users it is set-uid root, and
 * where it has one identity it gives that another name. Everybody in a sandbox may become anybody,
 * as in the hosted ones, so it asks nothing and refuses nobody; it protects nothing either. Must
 * not be found outside of sandboxes. A process of its own.
 */
#ifdef __linux__

#include "sudo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"
#include "sandbox.h"
#include "users.h"

#define SAFE_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define USAGE "usage: sudo [-EHinSs] [-u user] [VAR=value] [command [argument ...]]\n"

typedef struct options {
    const char *user;
    bool keep, home, login, shell, none; /* none: -k, -K, -v: nothing to run */
} options_t;

static int fail(const char *what, const char *why) {
    fprintf(stderr, "sudo: %s: %s\n", what, why);
    return 1;
}

/* ---- options ---- */

static bool take_flag(options_t *options, char flag) {
    if (flag == 'E')
        options->keep = true;
    else if (flag == 'H')
        options->home = true;
    else if (flag == 'i')
        options->login = true;
    else if (flag == 's')
        options->shell = true;
    else if (strchr("kKv", flag) != NULL)
        options->none = true;
    else
        return strchr("nSABP", flag) != NULL;
    return true;
}

static bool take_long(options_t *options, const char *name) {
    static const struct {
        const char *name;
        char flag;
    } known[] = {{"preserve-env", 'E'}, {"set-home", 'H'},        {"login", 'i'},
                 {"shell", 's'},        {"non-interactive", 'n'}, {"stdin", 'S'},
                 {"validate", 'v'},     {"reset-timestamp", 'k'}, {"remove-timestamp", 'K'}};
    if (strncmp(name, "user=", 5) == 0) {
        options->user = name + 5;
        return true;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) return take_flag(options, known[i].flag);
    return false;
}

/* "-nu user", "-uuser" and the like. How many of the arguments it was, or 0. */
static int take_short(options_t *options, char **argv) {
    for (const char *at = argv[0] + 1; *at != '\0'; at++) {
        if (*at == 'u') {
            options->user = at[1] != '\0' ? at + 1 : argv[1];
            if (options->user == NULL) return 0;
            return at[1] != '\0' ? 1 : 2;
        }
        if (!take_flag(options, *at)) return 0;
    }
    return 1;
}

/* Where the rest begins, or 0. */
static int take_options(options_t *options, char **argv) {
    int at = 1;
    while (argv[at] != NULL && argv[at][0] == '-' && argv[at][1] != '\0') {
        if (strcmp(argv[at], "--") == 0) return at + 1;
        bool is_long = argv[at][1] == '-';
        int taken = is_long ? take_long(options, argv[at] + 2) : take_short(options, argv + at);
        if (taken == 0) return 0;
        at += taken;
    }
    return at;
}

/* ---- the environment ---- */

static bool is_kept(const char *variable) {
    static const char *const kept[] = {"TERM=",      "LANG=",    "LANGUAGE=",  "LC_",
                                       "COLORTERM=", "TZ=",      "LS_COLORS=", "DISPLAY=",
                                       "NO_COLOR=",  "COLUMNS=", "LINES="};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (strncmp(variable, kept[i], strlen(kept[i])) == 0) return true;
    return false;
}

static bool has_name(const char *variable, const char *setting) {
    size_t len = strcspn(setting, "=") + 1;
    return strncmp(variable, setting, len) == 0;
}

typedef struct environment {
    char **list;
    size_t count;
} environment_t;

/* In place of what has the same name; `setting` is kept. */
static void put(environment_t *env, char *setting) {
    size_t at = 0;
    while (at < env->count && !has_name(env->list[at], setting)) at++;
    env->list[at] = setting;
    if (at == env->count) env->count++;
}

static bool put_value(environment_t *env, const char *name, const char *value) {
    char *setting;
    if (asprintf(&setting, "%s=%s", name, value) < 0) return false;
    put(env, setting);
    return true;
}

/* For one command: what was made for it is not freed. NULL without memory. */
static char **make_environment(const options_t *options, const user_t *user, const char *caller,
                               char **settings, size_t setting_count, const char *command) {
    extern char **environ;
    environment_t env = {NULL, 0};
    size_t most = setting_count + 16;
    for (char **at = environ; at != NULL && *at != NULL; at++) most++;
    env.list = calloc(most, sizeof *env.list);
    if (env.list == NULL) return NULL;
    for (char **at = environ; at != NULL && *at != NULL; at++)
        if (options->keep || is_kept(*at)) put(&env, *at);

    char uid[USERS_NUMBER], gid[USERS_NUMBER];
    snprintf(uid, sizeof uid, "%u", getuid());
    snprintf(gid, sizeof gid, "%u", getgid());
    bool done = put_value(&env, "PATH", SAFE_PATH) && put_value(&env, "SHELL", user->shell) &&
                put_value(&env, "LOGNAME", user->name) && put_value(&env, "USER", user->name) &&
                put_value(&env, "SUDO_USER", caller) && put_value(&env, "SUDO_UID", uid) &&
                put_value(&env, "SUDO_GID", gid) && put_value(&env, "SUDO_COMMAND", command);
    if (!options->keep || options->home || options->login)
        done = done && put_value(&env, "HOME", user->home);
    for (size_t i = 0; i < setting_count; i++) put(&env, settings[i]);
    return done ? env.list : NULL;
}

/* ---- the command ---- */

/* The arguments as one line for a shell: what is not plain gets a backslash. */
static char *as_line(char **argv) {
    size_t size = 1;
    for (char **at = argv; *at != NULL; at++) size += 2 * strlen(*at) + 1;
    char *line = malloc(size), *to = line;
    for (char **at = argv; line != NULL && *at != NULL; at++) {
        if (at != argv) *to++ = ' ';
        for (const char *from = *at; *from != '\0'; from++) {
            bool plain = (*from >= '0' && *from <= '9') ||
                         ((*from | 32) >= 'a' && (*from | 32) <= 'z') ||
                         strchr("_-$", *from) != NULL || *from < 0;
            if (!plain) *to++ = '\\';
            *to++ = *from;
        }
    }
    if (line != NULL) *to = '\0';
    return line;
}

/* A login shell is told so by a '-' before its name. */
static int run_shell(const options_t *options, const user_t *user, char **argv, char **env) {
    char name[256], *line = NULL;
    const char *slash = strrchr(user->shell, '/');
    snprintf(name, sizeof name, "%s%s", options->login ? "-" : "",
             slash != NULL ? slash + 1 : user->shell);
    if (argv[0] != NULL && (line = as_line(argv)) == NULL) return fail("shell", strerror(ENOMEM));
    if (options->login && chdir(user->home) < 0) fail(user->home, strerror(errno));
    char option[] = "-c";
    char *shell_argv[] = {name, line != NULL ? option : NULL, line, NULL};
    execve(user->shell, shell_argv, env);
    return fail(user->shell, strerror(errno));
}

static int run_command(char **argv, char **env) {
    extern char **environ;
    environ = env; /* whose PATH it is looked up in */
    execvp(argv[0], argv);
    return fail(argv[0], errno == ENOENT ? "command not found" : strerror(errno));
}

/* ---- who ---- */

static int become(sandbox_t *sandbox, const user_t *user) {
    gid_t groups[USERS_MAX_GROUPS];
    size_t count = users_groups(sandbox, user, groups);
    uid_t own_uid = geteuid();
    gid_t own_gid = getegid();
    if (user->uid == own_uid && own_uid == getuid()) return 0;
    if (own_uid == 0 && identity_take(user->uid, user->gid, groups, count) == 0) return 0;
    return identity_rename(user->uid, user->gid, own_uid, own_gid);
}

static int find_user(sandbox_t *sandbox, const char *name, user_t *user) {
    char number[USERS_NUMBER];
    if (name[0] == '#') {
        users_fresh(sandbox);
        name = users_name(sandbox, (uid_t)strtoul(name + 1, NULL, 10), false, number);
    }
    return users_find(sandbox, name, user);
}

int sudo_main(int argc, char **argv) {
    options_t options = {.user = "root"};
    int at = argc > 1 ? take_options(&options, argv) : 0;
    if (at == 0 || (argv[at] == NULL && !options.shell && !options.login && !options.none)) {
        fputs(USAGE, stderr);
        return 1;
    }
    if (options.none) return 0;
    char **settings = argv + at;
    while (argv[at] != NULL && argv[at][0] != '=' && strchr(argv[at], '=') != NULL) at++;
    size_t setting_count = (size_t)(argv + at - settings);
    if (argv[at] == NULL && !options.login) options.shell = true;

    boot_t boot = {.user = NULL};
    sandbox_t sandbox = {.boot = &boot, .rung = RUNG_ROOT}; /* with users by its own files */
    user_t user;
    char caller_number[USERS_NUMBER];
    if (*options.user == '\0' || find_user(&sandbox, options.user, &user) < 0)
        return fail("unknown user", options.user);
    const char *caller = users_name(&sandbox, getuid(), false, caller_number);
    bool shell = options.shell || options.login;
    char **env = make_environment(&options, &user, caller, settings, setting_count,
                                  shell ? user.shell : argv[at]);
    if (env == NULL) return fail("environment", strerror(ENOMEM));
    int error = become(&sandbox, &user);
    if (error != 0) return fail(user.name, strerror(error));
    return shell ? run_shell(&options, &user, argv + at, env) : run_command(argv + at, env);
}

#endif
