/*
 * tree_walk.c: the directories that wait, as a stack of nodes that know what they lie in. Must not
 * hold more than one directory open, nor names without a bound. Thread of pid 1.
 */
#include "tree_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static tree_node_t *new_node(tree_walk_t *walk, tree_node_t *above, const char *name) {
    size_t size = sizeof(tree_node_t) + strlen(name) + 1;
    tree_node_t *node = malloc(size);
    if (node == NULL) return NULL;
    walk->held += size;
    *node = (tree_node_t){above, NULL, above != NULL ? above->depth + 1 : 0, 1};
    memcpy(node->name, name, strlen(name) + 1);
    if (above != NULL) above->below++;
    return node;
}

/* And all above it that nobody refers to any more. */
static void drop_node(tree_walk_t *walk, tree_node_t *node) {
    while (node != NULL && --node->below == 0) {
        tree_node_t *above = node->above;
        walk->held -= sizeof(tree_node_t) + strlen(node->name) + 1;
        free(node);
        node = above;
    }
}

int tree_walk_init(tree_walk_t *walk, sandbox_t *sandbox, const char *base, bool forgiving) {
    *walk = (tree_walk_t){.sandbox = sandbox, .base = path_copy(base), .forgiving = forgiving};
    if (walk->base != NULL) walk->pending = new_node(walk, NULL, "");
    return walk->pending != NULL ? 0 : -ENOMEM;
}

static void leave(tree_walk_t *walk) {
    if (walk->dir != NULL) {
        closedir(walk->dir);
        path_close(&walk->place);
    }
    walk->dir = NULL;
    drop_node(walk, walk->here);
    walk->here = NULL;
}

void tree_walk_destroy(tree_walk_t *walk) {
    leave(walk);
    while (walk->pending != NULL) {
        tree_node_t *node = walk->pending;
        walk->pending = node->next;
        drop_node(walk, node);
    }
    free(walk->base);
    walk->base = NULL;
}

int tree_walk_fd(const tree_walk_t *walk) {
    return dirfd(walk->dir);
}

uint32_t tree_walk_depth(const tree_walk_t *walk) {
    return walk->here->depth + 1;
}

int tree_walk_path(const tree_walk_t *walk, const char *base, const char *name,
                   char path[PATH_MAX]) {
    size_t len = name != NULL ? strlen(name) + 1 : 0, base_len = strlen(base);
    if (base_len == 1) base_len = 0; /* "/" */
    for (const tree_node_t *node = walk->here; node->above != NULL; node = node->above)
        len += strlen(node->name) + 1;
    if (base_len + len >= PATH_MAX) return -ENAMETOOLONG;
    memcpy(path, base, base_len);
    char *at = path + base_len + len;
    *at = '\0';
    for (const tree_node_t *node = walk->here; name != NULL || node->above != NULL;) {
        const char *part = name != NULL ? name : node->name;
        at -= strlen(part);
        memcpy(at, part, strlen(part));
        *--at = '/';
        if (name == NULL) node = node->above;
        name = NULL;
    }
    if (base_len + len == 0) memcpy(path, "/", 2);
    return 0;
}

/* Opens the directory `here`. 0 or -errno. */
static int open_here(tree_walk_t *walk) {
    char path[PATH_MAX];
    int code = tree_walk_path(walk, walk->base, NULL, path);
    if (code == 0) code = path_find(walk->sandbox, path, PATH_STRAIGHT, NULL, &walk->place);
    if (code < 0) return code;
    int fd = -1;
    if (walk->place.fd < 0)
        code = -ENOENT;
    else if (!S_ISDIR(walk->place.st.st_mode))
        code = -ENOTDIR;
    else if ((fd = openat(walk->place.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        code = -errno;
    if (code == 0) walk->dir = fdopendir(fd);
    if (walk->dir != NULL) {
        walk->opened++;
        return 0;
    }
    if (code == 0) code = -ENOMEM;
    if (fd >= 0) close(fd);
    path_close(&walk->place);
    return code;
}

static bool is_forgivable(int code) {
    return code == -ENOENT || code == -ENOTDIR || code == -ELOOP || code == -EACCES;
}

/* The next directory that waits is `here` and open. 1; 0: none waits; or -errno. */
static int open_next(tree_walk_t *walk) {
    while (walk->pending != NULL) {
        walk->here = walk->pending;
        walk->pending = walk->here->next;
        int code = open_here(walk);
        if (code == 0) return 1;
        bool first = walk->here->above == NULL;
        leave(walk);
        if (first || !walk->forgiving || !is_forgivable(code)) return code;
    }
    return 0;
}

int tree_walk_next(tree_walk_t *walk, const char **name) {
    for (;;) {
        if (walk->dir == NULL) {
            int code = open_next(walk);
            if (code <= 0) return code;
        }
        errno = 0;
        const struct dirent *entry = readdir(walk->dir);
        if (entry == NULL && errno != 0) return -errno;
        if (entry == NULL) {
            leave(walk);
        } else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            *name = entry->d_name;
            return 1;
        }
    }
}

int tree_walk_enter(tree_walk_t *walk, const char *name) {
    if (walk->held > TREE_WALK_MAX_BYTES) return -E2BIG;
    tree_node_t *node = new_node(walk, walk->here, name);
    if (node == NULL) return -ENOMEM;
    node->next = walk->pending;
    walk->pending = node;
    return 0;
}
