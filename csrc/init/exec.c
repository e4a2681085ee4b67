/*
 * exec.c: what happens between the request for a program and the program. Pid 1 stands still until
 * the child executes (as with vfork), so what fails is known at once, by a report that both share.
 *
 * As a rule the child also shares all of pid 1's memory, and runs on a stack beside its: no page is
 * copied. So it must neither allocate nor change anything but itself, its child_t and the report,
 * and nobody whose identity it takes on may look into it. Thread of pid 1.
 */
#include "exec.h"

#include "identity.h"
#include "isolate.h"
#include "path.h"
#include "sandbox.h"
#include "system.h"

#include <errno.h>
#ifdef __linux__
#include <sched.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PWD "PWD="
#define STACK_BYTES (64u * 1024) /* a path, and libc's own frames, several times over */
/* A sanitizer keeps books of each stack, in memory that would be shared as well. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SHARES_MEMORY 0
#else
#define SHARES_MEMORY CLONE_VM
#endif
#define OOM_SCORE "100" /* as the hosted daemon's: programs go first, before pid 1 */

/* Shared. The pointers are the plan's, which lie at the same place on both sides. */
struct exec_report {
    int error;
    exec_failure_t failure;
};

typedef struct child {
    const exec_plan_t *plan;
    struct exec_report *report;
    char cwd[PATH_MAX];               /* as the kernel has it */
    char **pwd;                       /* the variable, or NULL: there is none to set */
    char here[sizeof PWD + PATH_MAX]; /* what it becomes */
    gid_t groups[USERS_MAX_GROUPS];
    size_t group_count;
    uid_t own_uid; /* pid 1's */
    gid_t own_gid;
    /* On RUNG_USER, where there is one identity: another name for it is one in a user namespace of
     * its own. Whoever has that identity outside may look into such a process at once, so it gets
     * memory of its own, and closes what pid 1 has open before. */
    bool renamed;
} child_t;

struct exec_report *exec_report_create(void) {
    void *page = mmap(NULL, sizeof(struct exec_report), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED ? page : NULL;
}

void exec_report_free(struct exec_report *report) {
    if (report != NULL) munmap(report, sizeof *report);
}

/* ---- in the child ---- */

_Noreturn static void give_up(const child_t *child, int error, const char *verb,
                              const char *object) {
    *child->report = (struct exec_report){error, {verb, object}};
    _exit(127);
}

static int become(const child_t *child) {
    const user_t *user = child->plan->user;
    if (child->renamed) {
        if (close_range(3, ~0u, 0) < 0) return errno;
        return identity_rename(user->uid, user->gid, child->own_uid, child->own_gid);
    }
    if (child->plan->sandbox->rung != RUNG_ROOT) return 0;
    system_show_memory(0); /* the kernel's own default for this moment can be changed */
    return identity_take(user->uid, user->gid, child->groups, child->group_count);
}

static int take_stdio(const exec_plan_t *plan) {
    for (int fd = 0; fd < 3; fd++)
        if (dup2(plan->stdio[fd], fd) < 0) return errno;
    return plan->terminal && ioctl(0, TIOCSCTTY, 0) < 0 ? errno : 0;
}

/* Of the variable whose name, with its '=', is given. NULL: there is none. */
static char **variable(char **env, const char *name) {
    while (*env != NULL && strncmp(*env, name, strlen(name)) != 0) env++;
    return *env != NULL ? env : NULL;
}

/* As a shell does it: another name for the directory is left to whoever gave it. */
static void set_pwd(child_t *child) {
    struct stat said, here;
    if (child->pwd == NULL) return;
    const char *given = *child->pwd + strlen(PWD);
    if (*given == '/' && stat(given, &said) == 0 && stat(".", &here) == 0 &&
        said.st_dev == here.st_dev && said.st_ino == here.st_ino)
        return;
    if (getcwd(child->here + strlen(PWD), PATH_MAX) == NULL) return;
    memcpy(child->here, PWD, strlen(PWD));
    *child->pwd = child->here;
}

/* Returns with the errno that says most: of something that is there but cannot be executed, before
 * ENOENT. */
static int execute(char *const *args, char **env) {
    char **path_variable = variable(env, "PATH=");
    const char *name = args[0],
               *at = path_variable ? *path_variable + strlen("PATH=") : DEFAULT_PATH;
    if (strchr(name, '/') != NULL) {
        execve(name, args, env);
        return errno;
    }
    int error = ENOENT;
    for (bool more = *name != '\0'; more;) {
        char path[PATH_MAX];
        size_t len = strcspn(at, ":");
        int whole = snprintf(path, sizeof path, "%.*s%s%s", (int)len, at, len > 0 ? "/" : "", name);
        if (whole < PATH_MAX) execve(path, args, env);
        if (whole < PATH_MAX && errno != ENOENT && errno != ENOTDIR) error = errno;
        more = at[len] == ':';
        at += len + 1;
    }
    return error;
}

static int in_child(void *argument) {
    child_t *child = argument;
    const exec_plan_t *plan = child->plan;
    const sandbox_t *sandbox = plan->sandbox;
    sigset_t none;
    int error = 0;
    setsid();
    identity_write("/proc/self/oom_score_adj", OOM_SCORE);
    if (sandbox->walls != NULL) error = walls_enter(sandbox->walls);
    if (error != 0) give_up(child, error, "enter", "the sandbox's limits");
    if ((error = take_stdio(plan)) != 0) give_up(child, error, "open", "stdio");
    if ((error = become(child)) != 0) give_up(child, error, "become", plan->user->name);
    if (chdir(child->cwd) < 0) give_up(child, errno, "chdir", plan->cwd);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    set_pwd(child);
    if (plan->bare != NULL) execute(plan->bare, plan->env);
    give_up(child, execute(plan->args, plan->env), "exec", plan->args[0]);
}

/* ---- in pid 1 ---- */

int exec_start(const exec_plan_t *plan, struct exec_report *report, pid_t *pid,
               exec_failure_t *failure) {
    _Alignas(64) char stack[STACK_BYTES];
    sandbox_t *sandbox = plan->sandbox;
    child_t child = {.plan = plan, .report = report, .own_uid = getuid(), .own_gid = getgid()};
    child.renamed = sandbox->rung == RUNG_USER && plan->user->uid != child.own_uid;
    int code = path_on_host(sandbox, plan->cwd, child.cwd);
    if (code < 0) {
        *failure = (exec_failure_t){"chdir", plan->cwd};
        return code;
    }
    if (plan->bare != NULL) child.pwd = variable(plan->env, PWD);
    child.group_count = users_groups(sandbox, plan->user, child.groups);
    memset(report, 0, sizeof *report);
    uint64_t flags = CLONE_VFORK | (child.renamed ? 0 : SHARES_MEMORY);
    *pid = walls_clone(sandbox->walls, flags, in_child, stack, sizeof stack, &child);
    if (*pid < 0) *report = (struct exec_report){-*pid, {"start", plan->args[0]}};
    *failure = report->failure;
    return -report->error;
}
