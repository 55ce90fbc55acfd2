/* SPDX-License-Identifier: MIT */
/* What must stand before the first role starts: users, folders, the engine's key, listening
 * sockets. */
#include "io/warden_state.h"

#include "aicp/shim.h"
#include "base/cleanup.h"
#include "io/log.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define LOCK_FILE "aicpd.lock"
#define KEY_FILE  "engine.key"
/* Connections that wait to be accepted; the kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

static int find_users(struct warden *w)
{
	int r = 0;

	for (unsigned i = LINK_ENGINE; i < _LINK_ROLE_COUNT; i++) {
		struct child *c = &w->child[i];
		struct passwd *user;

		if (!c->user)
			continue;
		user = getpwnam(c->user);
		if (user && user->pw_uid != 0) {
			c->uid = user->pw_uid;
			c->gid = user->pw_gid;
			continue;
		}
		log_say(LOG_ERROR, "users",
			user ? "the user `%1$s` of the role %2$s is root, which would undo its "
			       "sandbox; "
			       "give it another uid"
			     : "the user `%1$s` of the role %2$s does not exist; make it: useradd "
			       "--system --no-create-home --shell /usr/sbin/nologin %1$s",
			c->user, link_role_name(c->role));
		r = -ENOENT;
	}
	return r;
}

/* Folders that the configuration leaves at their defaults lie in root's places; without root they
 * cannot. */
static char *own_folder(const char *configured, const char *system_default, const char *variable,
			const char *below_home)
{
	const char *base = getenv(variable), *home = getenv("HOME");
	char *path = NULL;
	int n;

	if (strcmp(configured, system_default) != 0)
		return strdup(configured);
	if (base && *base == '/')
		n = asprintf(&path, "%s/aicp", base);
	else if (below_home && home && *home == '/')
		n = asprintf(&path, "%s/%s/aicp", home, below_home);
	else
		n = asprintf(&path, "/tmp/aicp-%u", (unsigned)geteuid());
	return n < 0 ? NULL : path;
}

static int choose_folders(struct warden *w)
{
	const struct config *c = w->config;

	if (w->options->rootless) {
		w->runtime_dir = own_folder(c->runtime_dir, AICP_RUNTIME_DIR_DEFAULT,
					    "XDG_RUNTIME_DIR", NULL);
		w->state_dir =
			own_folder(c->state_dir, "/var/lib/aicp", "XDG_STATE_HOME", ".local/state");
	} else {
		w->runtime_dir = strdup(c->runtime_dir);
		w->state_dir = strdup(c->state_dir);
	}
	return w->runtime_dir && w->state_dir ? 0 : -ENOMEM;
}

/* mkdir -p; parents get 0755. */
static int make_parents(const char *path)
{
	char *copy CLEANUP(cleanup_freep) = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *at = copy + 1; (at = strchr(at, '/')); at++) {
		*at = 0;
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return 0;
}

static bool is_empty(int folder)
{
	int fd = fcntl(folder, F_DUPFD_CLOEXEC, 3);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	size_t n = 0;

	if (!dir)
		return false;
	while ((entry = readdir(dir)))
		n++;
	closedir(dir);
	return n == 2; /* "." and ".." */
}

/* What is wrong with a folder that was there before, or NULL. */
static const char *wrong_folder(int fd, const struct stat *st, uid_t uid)
{
	if (st->st_uid == uid)
		return st->st_mode & (S_IWGRP | S_IWOTH) ? "others than its owner can write it"
							 : NULL;
	if (st->st_uid != geteuid())
		return "it belongs to another user";
	/* A slip in the configuration must not give away /var. */
	return is_empty(fd) ? NULL : "it belongs to root and holds files";
}

/* Makes a folder of that mode and owner. One that is there is taken when it is the owner's; an
 * empty one of root is given to the owner. */
static int make_folder(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	int fd CLEANUP(cleanup_closep) = -1;
	const char *wrong = NULL;
	struct stat st;
	bool made = false;
	int r = make_parents(path);

	if (!r)
		made = mkdir(path, 0700) == 0;
	if (!r && !made && errno != EEXIST)
		r = -errno;
	if (!r)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (!r && (fd < 0 || fstat(fd, &st) < 0))
		r = -errno;
	if (!r && !made)
		wrong = wrong_folder(fd, &st, uid);
	if (!r && wrong) {
		log_say(LOG_ERROR, "folders",
			"%s cannot be used: %s; name another one, or mend it: "
			"`chown %u:%u %s && chmod %o %s`",
			path, wrong, (unsigned)uid, (unsigned)gid, path, (unsigned)mode, path);
		return -EPERM;
	}
	/* Of others' folders not more than what is needed is changed. */
	if (!r && (made || st.st_uid != uid || st.st_gid != gid) &&
	    (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0))
		r = -errno;
	if (r < 0)
		log_say(LOG_ERROR, "folders",
			"%s cannot be made ready for uid %u: %s; name another folder in the "
			"configuration, on a file system that can be written",
			path, (unsigned)uid, strerror(-r));
	return r;
}

static int make_folders(struct warden *w)
{
	const struct child *ledger = &w->child[LINK_LEDGER], *api = &w->child[LINK_API];
	uid_t own = geteuid();
	int r = make_folder(w->runtime_dir, 0755, own, getegid());

	/* api may look for the database; who else may read it its files say. Set-gid: they are born
	 * with api's group. */
	if (!r && w->options->rootless)
		r = make_folder(w->state_dir, 0700, own, getegid());
	else if (!r)
		r = make_folder(w->state_dir, 02750, ledger->uid, api->gid);
	return r;
}

static int lock(struct warden *w)
{
	char *path CLEANUP(cleanup_freep) = NULL;

	if (asprintf(&path, "%s/%s", w->runtime_dir, LOCK_FILE) < 0)
		return -ENOMEM;
	w->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->lock_fd >= 0 && flock(w->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	log_say(LOG_ERROR, "lock", "%s: %s; give each aicpd a runtime_dir of its own", path,
		errno == EWOULDBLOCK ? "another aicpd is running" : strerror(errno));
	return -EBUSY;
}

static int new_key(int dir, uint8_t key[ROLE_KEY_BYTES])
{
	int fd CLEANUP(cleanup_closep) =
		openat(dir, KEY_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (getrandom(key, ROLE_KEY_BYTES, 0) != ROLE_KEY_BYTES ||
	    write(fd, key, ROLE_KEY_BYTES) != ROLE_KEY_BYTES || fsync(fd) < 0) {
		unlinkat(dir, KEY_FILE, 0);
		return -EIO;
	}
	return 0;
}

/* Fingerprints stay comparable over restarts, so the key is kept. The folder is the ledger's, which
 * could put another file there, but no link and none that looks like root's. */
static int load_key(struct warden *w)
{
	int dir CLEANUP(cleanup_closep) = open(w->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd CLEANUP(cleanup_closep) = -1;
	bool made = false;
	struct stat st;
	int r = 0;

	if (dir < 0)
		return -errno;
	fd = openat(dir, KEY_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	made = fd < 0 && errno == ENOENT;
	if (made)
		r = new_key(dir, w->key);
	else if (fd < 0 || fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		r = -EPERM;
	else if (read(fd, w->key, sizeof(w->key)) != sizeof(w->key))
		r = -EIO;
	if (r < 0 && fd < 0)
		log_say(LOG_ERROR, "key",
			"%s/%s cannot be %s: %s; see to it that root can write the folder, or name "
			"another state_dir",
			w->state_dir, KEY_FILE, made ? "made" : "opened", strerror(-r));
	else if (r < 0)
		log_say(LOG_ERROR, "key",
			"%s/%s: %s; it must be 32 bytes that only the user of aicpd can read. "
			"Remove it and the next start makes another (fingerprints of credentials "
			"then change)",
			w->state_dir, KEY_FILE, strerror(-r));
	return r;
}

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

/* Nobody passes descriptors to the API: closing what a stranger passed can wait as long as he likes
 * (io/closer.h). Linux before 6.16 cannot refuse them. */
static void refuse_descriptors(int fd)
{
	const int no = 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no));
}

static int listen_unix(const struct warden *w, const char *name, int type)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd CLEANUP(cleanup_closep) = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int n = snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", w->runtime_dir, name), made;

	if (fd < 0)
		return -errno;
	if (n < 0 || (size_t)n >= sizeof(at.sun_path)) {
		log_say(LOG_ERROR, "listen",
			"runtime_dir %s is too long for a socket's name; choose a shorter one",
			w->runtime_dir);
		return -ENAMETOOLONG;
	}
	if (type == SOCK_STREAM)
		refuse_descriptors(fd);
	/* The lock says that nobody listens there any more. */
	unlink(at.sun_path);
	/* Everybody may connect; credentials decide. The folder is ours, so nobody can swap the
	 * file before chmod(). */
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || chmod(at.sun_path, 0666) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		log_say(LOG_ERROR, "listen", "%s: %s", at.sun_path, strerror(errno));
		return -errno;
	}
	made = fd;
	fd = -1;
	return made;
}

static int tcp_address(const struct config *c, struct sockaddr_storage *ret_at, socklen_t *ret_n)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(c->api_port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(c->api_port)};
	const char *host = strcmp(c->api_host, "localhost") == 0 ? "127.0.0.1" : c->api_host;

	memset(ret_at, 0, sizeof(*ret_at));
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(ret_at, &v4, *ret_n = sizeof(v4));
		return 0;
	}
	if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
		memcpy(ret_at, &v6, *ret_n = sizeof(v6));
		return 0;
	}
	return -EINVAL;
}

static int listen_tcp(const struct config *c)
{
	int fd CLEANUP(cleanup_closep) = -1;
	struct sockaddr_storage at;
	int one = 1, made;
	socklen_t n;
	int r = tcp_address(c, &at, &n);

	if (!r)
		fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!r && (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		   bind(fd, (struct sockaddr *)&at, n) < 0 || listen(fd, 128) < 0))
		r = -errno;
	if (r < 0) {
		log_say(LOG_ERROR, "listen", "api.listen %s: %s; choose another port",
			c->api_listen, strerror(-r));
		return r;
	}
	made = fd;
	fd = -1;
	return made;
}

void warden_unlink_sockets(const struct warden *w)
{
	const char *const name[] = {AICP_SHIM_SOCKET, AICP_API_SOCKET};

	for (size_t i = 0; i < 2; i++) {
		char *path CLEANUP(cleanup_freep) = NULL;

		if (asprintf(&path, "%s/%s", w->runtime_dir, name[i]) >= 0)
			unlink(path);
	}
}

int warden_setup(struct warden *w)
{
	int r = w->options->rootless ? 0 : find_users(w);

	if (!r)
		r = choose_folders(w);
	if (!r)
		r = make_folders(w);
	if (!r)
		r = lock(w);
	if (!r)
		r = load_key(w);
	if (r)
		return r;
	w->self_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (w->self_fd < 0)
		return -errno;
	w->shim_fd = listen_unix(w, AICP_SHIM_SOCKET, SOCK_SEQPACKET);
	if (w->shim_fd < 0)
		return w->shim_fd;
	w->api_fd = listen_unix(w, AICP_API_SOCKET, SOCK_STREAM);
	if (w->api_fd < 0)
		return w->api_fd;
	w->tcp_fd = listen_tcp(w->config);
	return w->tcp_fd < 0 ? w->tcp_fd : 0;
}
