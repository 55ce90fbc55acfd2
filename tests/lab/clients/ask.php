<?php
// SPDX-License-Identifier: MIT
// What every PHP client of the lab asks and how it reports; see ask.py, whose shapes and lines these are.

const CANARY = "sk-lab-canary-7f3c21d09be4";
const SHAPES = [
	"chat" => "https://api.openai.com/v1/chat/completions",
	"responses" => "https://api.openai.com/v1/responses",
	"messages" => "https://api.anthropic.com/v1/messages",
	"plain" => "https://example.org/anything",
];

$shape = $argv[1];
$prompts = array_slice($argv, 2);
$url = SHAPES[$shape];

function headers(string $shape): array
{
	$fields = ["Content-Type: application/json"];
	if ($shape === "chat" || $shape === "responses")
		$fields[] = "Authorization: Bearer " . CANARY;
	elseif ($shape === "messages")
		array_push($fields, "x-api-key: " . CANARY, "anthropic-version: 2023-06-01");
	return $fields;
}

function body(string $shape, string $prompt): string
{
	$messages = [["role" => "user", "content" => $prompt]];
	return json_encode([
		"chat" => ["model" => "gpt-4o-mini", "messages" => $messages],
		"responses" => ["model" => "gpt-4o-mini", "input" => $prompt],
		"messages" => ["model" => "claude-sonnet-4-6", "max_tokens" => 64, "messages" => $messages],
		"plain" => ["text" => $prompt],
	][$shape]);
}

function report(?int $status, string $text, ?string $error = null): void
{
	echo json_encode(["status" => $status, "body" => substr($text, 0, 2000), "class" => $error ? "error" : null,
		"message" => $error]), "\n";
}
