/* SPDX-License-Identifier: MIT */
/* aicp doctor: what works, what does not, what it means and how to mend it. */
#include "doctor.h"
#include "show.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *const level_name[_DOCTOR_LEVELS] = {"ok", "info", "warn", "fail"};

void doctor_say(struct doctor *d, enum doctor_level level, const char *check, const char *mend,
		const char *fmt, ...)
{
	struct buf text = BUF_INIT(16384);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	d->count[level]++;
	if (d->cli->json) {
		json_write_object(&d->w, NULL);
		json_write_str(&d->w, "check", check);
		json_write_str(&d->w, "level", level_name[level]);
		json_write_str(&d->w, "mend", mend);
		json_write_string(&d->w, "text", buf_span(&text));
		json_write_end_object(&d->w);
	} else {
		printf("%-5s %-12s ", level_name[level], check);
		show_text(stdout, buf_span(&text));
		if (mend) {
			printf("\n%-18s -> ", "");
			show_text(stdout, span_str(mend));
		}
		putchar('\n');
	}
	buf_deinit(&text);
}

static void check_config(struct doctor *d)
{
	if (cmd_config(d->cli, &d->config)) {
		d->config = NULL;
		doctor_say(
			d, DOCTOR_FAIL, "config",
			"mend the file as the message above says; `aicp config check` tries again",
			"%s cannot be used: the daemon would not start with it",
			d->cli->config_file);
		return;
	}
	cmd_runtime_dir(d->config, d->runtime_dir);
	if (access(d->cli->config_file, F_OK) < 0)
		doctor_say(d, DOCTOR_INFO, "config", "make the file, or name another with -c FILE",
			   "%s is not there: defaults are looked at", d->cli->config_file);
	else
		doctor_say(d, DOCTOR_OK, "config", NULL, "%s is in order", d->cli->config_file);
}

int cmd_doctor(const struct cli *cli, int argc, char **argv)
{
	struct doctor d = {.cli = cli, .json = BUF_INIT(1u << 20)};
	int rc;

	(void)argv;
	if (argc > 1)
		return cmd_bad_usage("doctor", "takes no arguments");
	json_write_init(&d.w, &d.json, false);
	json_write_object(&d.w, NULL);
	json_write_array(&d.w, "checks");
	check_config(&d);
	if (d.config) {
		doctor_daemon(&d);
		doctor_folders(&d);
		doctor_users(&d);
		doctor_disk(&d);
	}
	doctor_shim(&d);
	doctor_preload(&d);
	doctor_kernel(&d);
	rc = d.count[DOCTOR_FAIL] ? CMD_FAILED : CMD_OK;
	json_write_end_array(&d.w);
	json_write_bool(&d.w, "ok", rc == CMD_OK);
	json_write_end_object(&d.w);
	if (cli->json)
		show_json(buf_span(&d.json));
	else
		printf("\n%u ok, %u to know, %u warnings, %u failures\n", d.count[DOCTOR_OK],
		       d.count[DOCTOR_INFO], d.count[DOCTOR_WARN], d.count[DOCTOR_FAIL]);
	config_free(d.config);
	buf_deinit(&d.json);
	return rc;
}
