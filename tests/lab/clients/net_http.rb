# SPDX-License-Identifier: MIT
# Ruby's net/http, one connection for all prompts; shapes and lines are those of ask.py.
require "json"
require "net/http"

CANARY = "sk-lab-canary-7f3c21d09be4"
URLS = {
  "chat" => "https://api.openai.com/v1/chat/completions",
  "responses" => "https://api.openai.com/v1/responses",
  "messages" => "https://api.anthropic.com/v1/messages",
  "plain" => "https://example.org/anything",
}

shape, *prompts = ARGV
uri = URI(URLS[shape])

fields = { "Content-Type" => "application/json" }
fields["Authorization"] = "Bearer " + CANARY if %w[chat responses].include?(shape)
fields.merge!("x-api-key" => CANARY, "anthropic-version" => "2023-06-01") if shape == "messages"

def body(shape, prompt)
  messages = [{ role: "user", content: prompt }]
  {
    "chat" => { model: "gpt-4o-mini", messages: messages },
    "responses" => { model: "gpt-4o-mini", input: prompt },
    "messages" => { model: "claude-sonnet-4-6", max_tokens: 64, messages: messages },
    "plain" => { text: prompt },
  }[shape].to_json
end

http = Net::HTTP.new(uri.host, uri.port)
http.use_ssl = true
http.read_timeout = 20
http.start
prompts.each do |prompt|
  line = { status: nil, body: "", class: nil, message: nil }
  begin
    answer = http.post(uri.path, body(shape, prompt), fields)
    line[:status], line[:body] = answer.code.to_i, answer.body[0, 2000]
  rescue StandardError => error
    line[:class], line[:message] = error.class.name, error.message
  end
  puts line.to_json
end
