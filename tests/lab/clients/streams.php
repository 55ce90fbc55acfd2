<?php
// SPDX-License-Identifier: MIT
// PHP's own HTTP over its own TLS streams; a connection for each prompt.
require __DIR__ . "/ask.php";

foreach ($prompts as $prompt) {
	$context = stream_context_create(["http" => [
		"method" => "POST",
		"header" => headers($shape),
		"content" => body($shape, $prompt),
		"ignore_errors" => true,
		"timeout" => 20,
	]]);
	$text = @file_get_contents($url, false, $context);
	$status = preg_match('/^HTTP\S+ (\d+)/', $http_response_header[0] ?? "", $found) ? (int)$found[1] : null;
	report($status, (string)$text, $status ? null : (error_get_last()["message"] ?? "no answer"));
}
