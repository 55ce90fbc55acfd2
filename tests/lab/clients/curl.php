<?php
// SPDX-License-Identifier: MIT
// PHP's curl extension, which PHP loads with RTLD_DEEPBIND; one handle for all prompts.
require __DIR__ . "/ask.php";

$handle = curl_init($url);
foreach ($prompts as $prompt) {
	curl_setopt_array($handle, [
		CURLOPT_POSTFIELDS => body($shape, $prompt),
		CURLOPT_HTTPHEADER => headers($shape),
		CURLOPT_RETURNTRANSFER => true,
		CURLOPT_TIMEOUT => 20,
	]);
	$text = curl_exec($handle);
	$status = curl_getinfo($handle, CURLINFO_RESPONSE_CODE);
	report($status ?: null, (string)$text, $text === false ? curl_error($handle) : null);
}
