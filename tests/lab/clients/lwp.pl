# SPDX-License-Identifier: MIT
# Perl's LWP, which keeps its connections alive; shapes and lines are those of ask.py.
use strict;
use warnings;
use HTTP::Request;
use JSON::PP;
use LWP::UserAgent;

my $canary = "sk-lab-canary-7f3c21d09be4";
my %urls = (
	chat => "https://api.openai.com/v1/chat/completions",
	responses => "https://api.openai.com/v1/responses",
	messages => "https://api.anthropic.com/v1/messages",
	plain => "https://example.org/anything",
);

my ($shape, @prompts) = @ARGV;
my @fields = ("Content-Type" => "application/json");
push @fields, (Authorization => "Bearer $canary") if $shape eq "chat" || $shape eq "responses";
push @fields, ("x-api-key" => $canary, "anthropic-version" => "2023-06-01") if $shape eq "messages";

sub body {
	my ($prompt) = @_;
	my $messages = [{ role => "user", content => $prompt }];
	my %bodies = (
		chat => { model => "gpt-4o-mini", messages => $messages },
		responses => { model => "gpt-4o-mini", input => $prompt },
		messages => { model => "claude-sonnet-4-6", max_tokens => 64, messages => $messages },
		plain => { text => $prompt },
	);
	return encode_json($bodies{$shape});
}

my $agent = LWP::UserAgent->new(keep_alive => 1, timeout => 20);
for my $prompt (@prompts) {
	my $answer = $agent->request(HTTP::Request->new(POST => $urls{$shape}, \@fields, body($prompt)));
	# An answer of LWP's own says that there was none.
	my $none = ($answer->header("Client-Warning") // "") eq "Internal response";
	print encode_json({
		status => $none ? undef : $answer->code + 0,
		body => $none ? "" : substr($answer->content, 0, 2000),
		class => $none ? "error" : undef,
		message => $none ? $answer->status_line : undef,
	}), "\n";
}
