/* SPDX-License-Identifier: MIT */
/* Replays corpora: every file of the folders (or the files) named as arguments through one fuzz
 * target, as TAP. */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned tests, failed;

static void report(int good, const char *path, const char *why)
{
	tests++;
	failed += !good;
	printf("%sok %u - %s%s%s\n", good ? "" : "not ", tests, path, *why ? ": " : "", why);
	fflush(stdout);
}

static void replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = NULL;
	struct stat st;

	if (!f || fstat(fileno(f), &st) != 0) {
		report(0, path, "cannot be read");
	} else {
		/* Exactly as large as the file, so that a byte beyond it is a crash. */
		bytes = malloc(st.st_size ? (size_t)st.st_size : 1);
		if (!bytes || fread(bytes, 1, (size_t)st.st_size, f) != (size_t)st.st_size) {
			report(0, path, "cannot be read");
		} else {
			/* A target that finds something wrong does not return. */
			LLVMFuzzerTestOneInput(bytes, (size_t)st.st_size);
			report(1, path, "");
		}
	}
	free(bytes);
	if (f)
		fclose(f);
}

static void replay_folder(const char *path)
{
	struct dirent **entry;
	int n = scandir(path, &entry, NULL, alphasort), files = 0;

	for (int i = 0; i < n; i++) {
		char file[PATH_MAX];
		struct stat st;

		snprintf(file, sizeof(file), "%s/%s", path, entry[i]->d_name);
		if (entry[i]->d_name[0] != '.' && stat(file, &st) == 0 && S_ISREG(st.st_mode)) {
			replay_file(file);
			files++;
		}
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	if (!files)
		report(0, path, "no corpus");
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) == 0 && S_ISREG(st.st_mode))
			replay_file(argv[i]);
		else
			replay_folder(argv[i]);
	}
	if (argc < 2)
		report(0, "replay", "name the folders to replay");
	printf("1..%u\n", tests);
	return failed > 0;
}
