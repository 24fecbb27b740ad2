"""Everyday functions of many domains, with the requests that people make of them; only training draws these.

The form is that of catalogue.py with three additions.  Names, descriptions and comments may have
alternatives, between bars; in a phrasing (a|b) stands for one of a and b, and [ ...] for something
that may stay away.  A field in brackets is optional there.
"""

import re
from typing import NamedTuple

TEXT = """
weather_alerts|get_weather_alerts|storm_warnings: Get storm warnings for a region|Lists the severe weather alerts of an area
. region|area|city city The region|Where the warnings apply
(Are there|Any) (storm|weather) warnings (for|in) {region}?/is a storm coming to {region}?/(weather alerts|warnings) for {region}[ please]
(show|give) me the alerts for {region}/should people in {region} be worried about a storm?/does {region} expect bad weather?

get_air_quality|air_quality|check_air: Get the air quality of a city|How clean the air is
. city|place|location city The city|Where
(How is|What is) the air [quality ]in {city}?/is the air clean in {city}?/air quality {city}/can I breathe well in {city}?
(how polluted|how dirty) is the air in {city}?/smog in {city}?/(check|measure) the air of {city}

get_sunrise|sunrise_time|sun_times: When the sun rises and sets at a place
. place|city|where city The place|City
. day|date day? The day
When does the sun rise in {place}[ {day}]?/sunrise in {place}[ on {day}]/(when|at what time) is it light in {place}?/sunset {place}[, {day}]
what time does the sun set in {place}[ {day}]?

get_tide|tide_table: Get the times of high and low water
. coast|beach|place city The place on the coast
. date|day date The day
High water in {coast} on {date}?/when is low tide at {coast} on {date}?/tides {coast} {date}/tide table for {coast}, {date}

set_volume|change_volume|adjust_volume: Set the volume of the speaker|Changes how loud the music is
. level|volume|percent percent The volume in percent|How loud, 0 to 100
(Set|Turn|Put) the volume (to|at) {level}[ percent]/volume {level}/make it {level} percent loud/turn the sound to {level}/louder, {level} percent
I want the music at {level} percent/quieter please, {level} is enough

skip_song|next_track|skip_track: Skip to the next song
skip this[ song]/next song[ please]/I don't like this song/play the next one/another song/go to the next track/skip

pause_playback|pause_music|stop_music: Pause what is playing
pause/stop the music/(be quiet|silence)[ please]/hold the music/pause the (song|video|film)/stop playing

create_playlist|new_playlist|make_playlist: Create a playlist
. title|name|playlist thing Name of the playlist
. mood|genre|style genre? The kind of music
(Make|Create|Start) a playlist (called|named) {title}[ with {mood} music]/new playlist {title}[, {mood}]/I want a {mood} playlist called {title}
put together a list of songs named {title}

add_to_playlist|playlist_add: Add a song to a playlist
. song|track|title song The song
. playlist|list thing The playlist
(Add|Put) {song} (to|in|on) my {playlist} playlist/put {song} into {playlist}/{song} belongs in the playlist {playlist}
add the song {song} to {playlist}/I want {song} on the playlist {playlist}

find_concert|search_concerts|concert_search: Find concerts of an artist
. artist|performer|musician person The artist|Who plays
. city|place|location city? Where
When does {artist} play[ in {city}]?/concerts (of|by) {artist}[ in {city}]/is {artist} on tour[ in {city}]?/I want to see {artist} live[ in {city}]
tickets for {artist}[ in {city}]

get_lyrics|song_text|find_lyrics: Find the words of a song
. song|title|track song The song
. artist|singer|by person? Who sings it
(What are the words|lyrics|the text) of {song}[ by {artist}]/show me the lyrics of {song}[ by {artist}]/how does {song}[ by {artist}] go?
what does {artist} sing in {song}?

reply_email|answer_mail|reply_to_mail: Reply to an email
. message_id|mail_id|id code The email that is answered
. body|text|answer sentence The text of the answer
(Reply|Answer) [to ][mail] {message_id}: {body}/answer email {message_id} with {body}/write back to {message_id} that {body}/respond to {message_id}: {body}

search_mail|find_emails|mail_search: Search the mailbox
. query|words|text topic What to look for
. from|author|written_by person? Who wrote it
(Find|Search|Look for) (mails|emails|messages) about {query}[ from {from}]/did I get an email about {query}?/where is the mail[ from {from}] about {query}?
mails by {from} on {query}/did {from} write me about {query}?

forward_email|forward_mail: Forward an email to somebody
. message_id|mail|id code The email
. to|recipient|address email Who gets it|The address
Forward (mail|email|message) {message_id} to {to}/send {message_id} on to {to}/{to} should also see mail {message_id}/pass email {message_id} to {to}

archive_mail|archive_message|file_mail: Move an email to the archive
. message_id|id|mail code The email
Archive (mail|email|message) {message_id}/put email {message_id} away/move {message_id} to the archive/I am done with mail {message_id}

block_contact|block_number|block_caller: Block a person so that they cannot reach you
. contact|person|who person Who is blocked
Block {contact}/I don't want to hear from {contact} any more/no more calls from {contact}/keep {contact} away from me/ignore {contact} from now on

add_contact|save_contact|new_contact: Save a person with a phone number
. name|person|contact person The person
. phone|number|phone_number phone The phone number
(Save|Store|Add) {name}[, number] {phone}/{name} has the number {phone}, save it/new contact {name} {phone}/the phone number of {name} is {phone}
put {name} with {phone} in my contacts/remember the number of {name}: {phone}

find_contact|get_phone_number|lookup_number: Get the phone number of a person
. name|person|contact person The person
What is the [phone ]number of {name}?/how can I reach {name}?/phone number of {name}/do we have the number of {name}?/under which number is {name}?

start_video_call|video_call|start_call: Start a video call with somebody
. person|contact|callee person Whom to call
. duration|minutes|length integer? How many minutes
(Start|Begin) a video call with {person}[ for {duration} minutes]/video call {person}/I want to see {person} on the screen/let's video chat with {person}[, {duration} minutes]

send_group_message|post_to_group|group_message: Send a message to a group
. group|channel|team thing The group
. message|text|content sentence The message
(Tell|Write) (the group |everybody in ){group} that {message}/post {message} (in|to) {group}/send {group} the message {message}
message to {group}: {message}/announce in {group}: {message}

read_messages|unread_messages|check_messages: Read the new messages
. from|person|contact person? Only those of this person
(Any|Do I have) new messages[ from {from}]?/read my messages[ from {from}]/what did {from} write?/has {from} written?/what's new in my chats?

move_event|reschedule_event|change_appointment: Move an appointment to another day
. event|appointment|title thing The appointment
. new_day|to|day day The new day
(Move|Shift|Put) {event} to {new_day}/{event} will be on {new_day} instead/reschedule {event} for {new_day}/push {event} back to {new_day}
I can't make {event}, let's do it {new_day}

delete_event|remove_appointment|cancel_event: Remove an appointment from the calendar
. event|title|appointment thing The appointment
(Remove|Delete|Cancel) {event} from my calendar/{event} is not happening/I won't go to {event}/{event} is off, take it out/call off {event}

list_events|get_agenda|show_calendar: List the appointments of a day
. day|date|when day The day
What is (on|in my calendar) {day}?/what do I have to do {day}?/am I free {day}?/my (agenda|appointments|schedule) for {day}/do I have plans {day}?

find_free_slot|free_time|find_slot: Find a free time in the calendars of two people
. first|person_a|organizer person The first person
. second|person_b|partner person The second person
. duration|minutes|length integer How long, in minutes
When are {first} and {second} both free for {duration} minutes?/find {duration} minutes for {first} and {second}
{first} and {second} need {duration} minutes together, when?/a {duration} minute slot for {first} with {second}

set_reminder|create_reminder|remind_me: Remind the user of something
. text|what|task task What to be reminded of
. time|at|when clock When
Remind me to {text} at {time}/at {time} I have to {text}/don't let me forget to {text} at {time}/(tell|remind) me at {time} to {text}
I must {text} at {time}, remind me

complete_task|mark_done|finish_task: Mark a task as done
. task|item|todo task The task
I (did|have done|finished) it: {task}/tick off {task}/mark {task} as done/{task} is done/check off {task}/done with {task}

assign_task|delegate_task|give_task: Give a task to a person
. assignee|person|worker person Who has to do it
. task|job|what task The task
. deadline|due|until day? When it has to be done
{assignee} (should|has to|must) {task}[ by {deadline}]/assign {task} to {assignee}[, due {deadline}]/ask {assignee} to {task}[ by {deadline}]
let {assignee} {task}[ until {deadline}]

find_nearby|search_places|places_nearby: Find places of a kind in the neighbourhood
. kind|category|type thing What sort of place|The type of place
. near|location|around city Where to look
Is there a {kind} (near|in|around) {near}?/find a {kind} close to {near}/where is the next {kind} in {near}?/{kind} near {near}
I am in {near} and need a {kind}/look for a {kind} around {near}

get_traffic|traffic_report|check_traffic: Get the traffic on a way
. from|start|origin city Where the way begins
. to|end|destination city Where the way ends
How is the traffic (from|between) {from} (to|and) {to}?/any traffic jams (from|between) {from} (to|and) {to}?/is the road from {from} to {to} free?
(traffic|jams) {from} {to}/are the roads full between {from} and {to}?/how long will I stand in traffic from {from} to {to}?

order_taxi|call_taxi|book_ride|get_ride: Order a taxi
. from|start|address address Where the ride begins|Where to be picked up
. to|goal|destination address Where the ride ends
. time|at|when clock? When
(Get|Order|Call) me a taxi from {from} to {to}[ at {time}]/I need a ride from {from} to {to}[ at {time}]/taxi to {to} from {from}[, {time}]
drive me from {from} to {to}/bring me to {to}, I am at {from}/[at {time} ]I have to get from {from} to {to}

find_parking|search_parking|parking_spots: Find a place to park
. near|place|street address Near what
. hours|duration|time_needed small For how many hours
Where can I park near {near} for {hours} hours?/parking at {near}, {hours} hours/I have to leave my car near {near} for {hours} hours
find a parking spot for {hours} hours close to {near}

get_elevation|height_of|measure_height: Get the height of a mountain
. mountain|peak|summit title The mountain
How high is {mountain}?/height of {mountain}/how tall is the mountain {mountain}?/how many meters is {mountain}?

share_location|send_position: Share your position with somebody
. with|person|friend person Who may see it
. minutes|duration|for integer For how many minutes
Share (my|our) (location|position) with {with} for {minutes} minutes/let {with} see where I am for {minutes} minutes
{with} wants to know where I am, {minutes} minutes/show {with} my position, {minutes} minutes

search_products|find_product|product_search|shop_search: Search the shop for a product
. query|product|keywords product What to look for
. max_price|price_limit|cheaper_than integer? The highest price
(Find|Search|Look for|Show me) {query}[ (under|below) {max_price}[ dollars]]/I want to buy {query}[ for at most {max_price}]/do you sell {query}?
I'm looking for {query}[, up to {max_price} euros]/what {query} do you have[ under {max_price}]?/I need new {query}

remove_from_cart|cart_remove|delete_item: Remove a product from the cart
. product|item|article product The product
(Take|Remove) {product} (out of|from) (my|the) cart/I don't want {product} after all/no {product} please/drop {product} from the cart

checkout|place_order|buy_cart: Pay for what is in the cart
. payment|method|pay_with card|invoice|cash How to pay
Check out (with|by) {payment}/buy everything[,] and pay by {payment}/I pay (by|with) {payment}/place the order, {payment}/that's all, I'll pay with {payment}

write_review|review_product|rate_product: Write a review of a product
. product|item|article product The product
. rating|score|points small The rating
. comment|text|opinion sentence? What you think
(I give|Give) {product} {rating} points[: {comment}]/rate {product} {rating}[, {comment}]/{product} gets {rating} out of ten[: {comment}]
review {product} with {rating}/my opinion on {product}: {rating} points[, {comment}]

return_item|return_product|send_back: Return a product of an order
. order_id|order|order_number code The order
. reason|why|because sentence? Why it is returned
I want to (return|send back|give back) order {order_id}[ because {reason}]/return {order_id}[, {reason}]/send {order_id} back[, {reason}]
order {order_id} goes back[: {reason}]

compare_prices|price_compare: Compare the price of two products
. first|product_a|one product The first product
. second|product_b|other product The second product
Which is cheaper, {first} or {second}?/compare the prices of {first} and {second}/does {first} cost more than {second}?/price of {first} against {second}

check_stock|in_stock|availability: Check whether a product is in stock
. product|item|article product The product
. store|shop|branch city? Which shop
(Is|Are) {product} (in stock|available)[ in {store}]?/do you have {product}[ in {store}]?/can I get {product}[ in your {store} shop]?/stock of {product}[ in {store}]
how many {product} are left?

apply_coupon|use_voucher|redeem_code: Use a discount code
. code|voucher|coupon code The code
(Use|Apply|Redeem) (the code |the voucher |coupon ){code}/I have a (coupon|voucher|discount): {code}/take {code} off the price/my discount code is {code}

get_transactions|list_payments|account_history: List the payments of an account
. account|account_id|iban code The account
. since|from_date|after date? The first day
(Show|List) (the payments|what happened) (on|of) account {account}[ since {since}]/what did I spend from {account}[ since {since}]?
(payments|transactions|history) of {account}[ from {since} on]/where did the money on {account} go?

pay_bill|settle_invoice|pay_invoice: Pay a bill
. bill|invoice|bill_number code The bill
. amount|sum|total amount How much
Pay (bill|invoice) {bill}, {amount}/pay {amount} for (bill|invoice) {bill}/settle {bill} with {amount}/I owe {amount} on bill {bill}, pay it

request_money|send_payment_request|ask_for_money: Ask a person for money
. from|person|debtor person Who should pay
. amount|sum|money amount How much
. reason|note|for thing? What for
{from} owes me {amount}[ for {reason}]/ask {from} for {amount}[ for {reason}]/I want {amount} back from {from}[ for {reason}]
request {amount} from {from}[ for {reason}]

freeze_card|block_card|lock_card: Block a bank card
. card|card_number|card_id code The card
(Freeze|Block|Lock) [my ][card] {card}/I lost my card {card}/somebody took my card {card}/card {card} was stolen/stop all payments with {card}

calculate_loan|loan_payment|mortgage_rate: Calculate the monthly payment of a loan
. amount|principal|sum amount How much is borrowed
. years|term|duration small For how many years
. rate|interest|interest_rate decimal? The interest in percent
What do I pay (a month|monthly) for {amount} over {years} years[ at {rate} percent]?/loan of {amount} for {years} years[, {rate} percent]
I want to borrow {amount} for {years} years[ at {rate} percent]/how much is a {years} year loan of {amount}[ at {rate} percent]?

set_budget|limit_spending|budget_limit: Set the budget of a category
. category|for|type thing The category
. limit|amount|maximum amount The most to spend
(I want to|Let me) spend at most {limit} on {category}/budget of {limit} for {category}/not more than {limit} for {category}/limit {category} to {limit}

buy_stock|buy_shares|purchase_shares: Buy shares
. symbol|ticker|stock symbol Which stock
. shares|count|quantity integer How many
Buy {shares} (shares|stocks) of {symbol}/get me {shares} {symbol}/I want {shares} {symbol} shares/purchase {symbol}, {shares} pieces

sell_stock|sell_shares: Sell shares
. ticker|symbol|stock symbol Which stock
. amount|shares|count integer How many
Sell {amount} (shares|stocks) of {ticker}/get rid of {amount} {ticker}/I don't want my {amount} {ticker} shares/sell {ticker}, all {amount} of them

copy_file|duplicate_file|cp: Copy a file
. source|from|original file The file
. target|to|copy file The copy
Copy {source} to {target}/make a copy of {source} called {target}/duplicate {source} as {target}/cp {source} {target}/I want {source} also as {target}

move_file|rename_file|mv: Rename a file
. old|source|from file The file
. new|target|to file Its new name
Rename {old} (to|as|into) {new}/{old} should be called {new}/mv {old} {new}/give {old} the name {new}/change the name of {old} to {new}

search_files|grep_files|find_in_files: Search files for a text
. text|needle|query word The text
. folder|directory|in thing? Where to search
Which files (contain|mention|have) {text}[ in {folder}]?/find {text} in (all files|the files)[ of {folder}]/search for {text}[ in {folder}]
where is {text} used[ in {folder}]?/grep {text}[ {folder}]

create_folder|make_directory|mkdir: Create a folder
. name|folder|path word The name of the folder
(Make|Create) a [new ][folder] {name}/new folder {name}/mkdir {name}/I need a folder called {name}/a directory named {name}, please

compress_folder|zip_folder|make_archive: Pack a folder into one file
. folder|directory|what word The folder
. output|archive|file file? The file to write
(Zip|Pack|Compress) (the folder |){folder}[ into {output}]/make an archive of {folder}[ named {output}]/pack {folder}[ as {output}]

print_document|print_file|send_to_printer: Print a document
. document|file|path file The document
. pages|number_of_pages|page_count small? How many pages
Print {document}[, {pages} pages]/I need {document} on paper/put {document} on the printer/print the first {pages} pages of {document}

run_command|shell|execute: Run a command in a shell
. command|cmd|line command The command
Run {command}/execute {command}/(type|enter) {command} in the shell/what does {command} print?/in the console run {command}/start {command}

git_commit|commit_changes|commit: Commit the changes with a message
. message|text|description sentence The message
Commit (this |everything |)with (the message |){message}/commit: {message}/save the changes as {message}/commit message {message}

create_issue|open_issue|report_bug|file_ticket: Open an issue
. title|summary|what sentence What is wrong
. priority|severity|level low|medium|high? How important it is
(Report|File|Open) (a bug|an issue|a ticket): {title}[, {priority} priority]/there is a bug: {title}[, priority {priority}]/new issue {title}
{title}, please open a ticket[ with {priority} priority]

close_issue|resolve_ticket|close_ticket: Close an issue
. issue|number|id integer The number of the issue
Close (issue |ticket |bug |number ){issue}/(issue|ticket|bug) {issue} is (fixed|solved|done)/we fixed {issue}/{issue} can be closed

deploy_app|deploy|release_app: Put an application into production
. app|application|service word The application
. environment|target|stage production|staging|testing Where
Deploy {app} to {environment}/put {app} on {environment}/{app} goes to {environment} now/release {app} in {environment}/bring {app} to {environment}

restart_server|reboot|restart_service: Restart a machine or service
. server|service|name word What to restart
Restart {server}/reboot {server}/{server} hangs, start it again/turn {server} off and on again/{server} is stuck, restart it

get_server_status|server_health|ping_server|check_server: Check whether a server is up
. host|server|address word The server
Is {host} (up|down|running|alive|online)?/(ping|check) {host}/does {host} answer?/how is the server {host} doing?/status of {host}

query_logs|get_logs|show_logs: Show the last lines of a log
. service|app|source word Whose log
. lines|count|tail integer How many lines
Show the last {lines} lines of (the |){service}[ log]/{lines} log lines of {service}/tail {lines} {service}/what did {service} log, last {lines} lines?

dim_light|set_brightness|adjust_brightness: Set how bright a lamp is
. lamp|room|light room Which lamp
. brightness|percent|level percent How bright, in percent
(Dim|Set) the {lamp} (light|lamp) to {brightness}[ percent]/make the {lamp} light {brightness} percent bright/{lamp} light at {brightness} percent
I want {brightness} percent light in the {lamp}/brightness {brightness} in the {lamp}

set_light_color|change_color|light_color: Change the color of a light
. room|light|where room Which light
. color|hue|tint color The color
Make the {room} (light |){color}/turn the {room} light {color}/I want {color} light in the {room}/{color} for the {room} lamp/light up the {room} in {color}

open_blinds|raise_blinds|open_curtains: Open the blinds of a room
. room|window|where room The room
Open the (blinds|curtains) in the {room}/let the sun into the {room}/raise the {room} blinds/more daylight in the {room}/curtains up in the {room}

start_vacuum|vacuum_room|clean_room: Send the robot to clean a room
. room|area|where room The room
(Vacuum|Clean) the {room}/the {room} is dirty/send the robot to the {room}/the floor of the {room} needs cleaning/sweep the {room}

set_heating|heat_room|set_thermostat: Set the heating of a room
. room|where|area room The room
. temperature|degrees|target integer The temperature
(It is|I am) (too cold|freezing) in the {room}, (make it|heat to) {temperature}/heating in the {room} to {temperature}/warm the {room} to {temperature} degrees
thermostat {room} {temperature}/I'd like it {temperature} degrees warm in the {room}

arm_alarm|activate_alarm|set_security: Switch on the alarm system
. mode|state|setting home|away|night How to watch the house
(Arm|Activate|Switch on) the alarm (for|in) {mode}[ mode]/we are {mode} now, watch the house/alarm {mode}/security to {mode}

unlock_door|open_door: Unlock a door
. door|which|room room The door
(Unlock|Open) the {door} door/let them in through the {door}/the door of the {door} should be open/I am at the {door} door, open up

start_machine|run_appliance|start_appliance: Start a machine in the house
. machine|appliance|device dishwasher|dryer|oven|robot The machine
. program|mode|setting word? Which program
(Start|Run|Turn on) the {machine}[ with program {program}]/switch the {machine} on[, program {program}]/{machine} on[, {program}]

show_camera|view_camera|camera_feed: Show what a camera sees
. camera|where|location room Which camera
(Show|Let me see) the {camera} camera/who is in the {camera}?/what is going on in the {camera}?/camera {camera}/is somebody in the {camera}?

get_score|match_score|game_result|live_score: Get the result of a match
. home|team_a|team team The first team
. away|team_b|opponent team The other team
How did {home} play against {away}?/result of {home} (against|versus|and) {away}/{home} {away} result/what's the score between {home} and {away}?
did {home} beat {away}?/who scored, {home} or {away}?

get_standings|league_table|show_table: Show the table of a league
. league|competition|division title The league
. season|year|in_year year? The season
(Table|Standings) of (the |){league}[ {season}]/who leads (the |){league}[ in {season}]?/who is first in the {league}[ {season}]?/how does the {league} look[ in {season}]?

next_match|upcoming_game|next_game: When a team plays next
. team|club|side team The team
When (does|do) {team} play[ next]?/next (match|game) of {team}/who is next against {team}?/when can I see {team}?/{team} plays when?

get_player_stats|player_statistics|player_info: Get the numbers of a player
. player|athlete|name person The player
. season|year|in_year year? The season
How many goals did {player} score[ in {season}]?/statistics of {player}[ in {season}]/how good was {player}[ in {season}]?/how is {player} playing[ in {season}]?

log_workout|record_training|add_workout: Save a workout
. sport|activity|exercise running|cycling|swimming|rowing|yoga What you did
. minutes|duration|length integer How long
I (did|finished) {minutes} minutes of {sport}/{sport} for {minutes} minutes/log {minutes} minutes {sport}/today I went {sport}, {minutes} minutes

log_water|drink_water|add_drink: Save how much somebody drank
. glasses|amount|count small How many glasses
I drank {glasses} glasses[ of water]/(log|note|add) {glasses} glasses of water/{glasses} glasses of water for me/had {glasses} glasses

log_sleep|record_sleep|save_sleep: Save how long somebody slept
. hours|duration|length small How many hours
. quality|how|rating good|fair|bad? How well
I slept {hours} hours[, {quality}]/{hours} hours of sleep[, {quality}]/my night was {hours} hours long[ and {quality}]/slept {hours} hours, it was {quality}

log_weight|record_weight|save_weight: Save the weight of a person
. kilograms|weight|kg decimal The weight
I weigh {kilograms}[ kilograms| kilos| kg]/my weight is {kilograms} today/the scale says {kilograms}/{kilograms} kilos this morning

log_blood_sugar|record_glucose|save_reading: Save a blood sugar reading
. value|reading|level integer The value
. time|measured_at|at clock? When it was measured
My [blood ]sugar is {value}[ at {time}]/blood sugar {value}[ at {time}]/I measured {value}[ at {time}]/sugar of {value}[, {time}]

find_doctor|search_doctor|doctor_search: Find a doctor
. specialty|field|kind word What sort of doctor
. city|place|near city Where
I need a {specialty} in {city}/find a {specialty} doctor (in|near) {city}/doctors for {specialty} around {city}/which {specialty} is there in {city}?

book_appointment|doctor_appointment|make_appointment: Make an appointment with a doctor
. doctor|physician|with person The doctor
. date|day|on date The day
. time|at|hour clock? The time
I (want|have|need) to see (doctor |Dr. ){doctor} on {date}[ at {time}]/appointment with {doctor} on {date}[ at {time}]/book me in with {doctor}, {date}[ {time}]
can {doctor} see me on {date}[ at {time}]?

check_symptom|symptom_info|health_check: Say what a symptom may mean
. symptom|complaint|problem thing The symptom
. days|duration|since_days small? For how many days
(What does it mean if|Why do) I have {symptom}[ for {days} days]?/I feel {symptom}[ for {days} days now]/symptom {symptom}[, {days} days]/I've had {symptom} for {days} days

remind_medicine|medication_reminder|take_pill: Remind somebody to take a medicine
. medicine|pill|drug product The medicine
. time|at|when clock When
I (take|have to take) {medicine} at {time}/remind me of my {medicine} at {time}/{medicine} at {time} every day/at {time} it's time for {medicine}

translate|translate_to|get_translation: Translate a sentence into another language
. sentence|text|phrase sentence The sentence
. to|target|language language The language
(Translate|Put) {sentence} into {to}/{sentence} in {to}/how would I say {sentence} in {to}?/what is the {to} for {sentence}?/say {sentence} in {to}
I need {sentence} in {to}

detect_language|which_language|identify_language: Find out the language of a text
. text|sample|sentence sentence The text
(Which|What) language is {text}?/in what language is {text} written?/what tongue is this: {text}/recognize the language of {text}

spell_check|check_spelling|correct_text: Check the spelling of a text
. text|content|sentence sentence The text
(Check|Correct) the spelling of {text}/is {text} spelled right?/any mistakes in {text}?/spell check: {text}/proofread {text}

summarize_text|make_summary|shorten_text: Shorten a text
. text|document|file file The file with the text
. sentences|length|max_sentences small? How many sentences
(Summarize|Shorten|Sum up) {text}[ in {sentences} sentences]/{text} in {sentences} sentences/what is {text} about[, in {sentences} sentences]?
I have no time to read {text}

generate_password|new_password|make_password: Make a random password
. length|characters|size integer How many characters
(Make|Give me|I need) a password (of|with) {length} (characters|letters)/a {length} character password/password, {length} long/new password with length {length}

solve_equation|solve|equation_solver: Solve an equation
. equation|formula|expression formula The equation
Solve {equation}/what is x in {equation}?/find x: {equation}/for which x is {equation} true?/the solution of {equation}

calculate|evaluate|calculator: Calculate the value of an expression
. expression|formula|term formula What to calculate
(Calculate|Compute|Evaluate) {expression}/how much is {expression}?/what do you get for {expression}?/work out {expression}/{expression} makes what?

convert_units|unit_converter|convert_length: Convert a length to another unit
. value|amount|number decimal The number
. from_unit|unit|source meters|feet|miles|kilometers|inches The unit of the number
. to_unit|target|into meters|feet|miles|kilometers|inches The unit to convert to
(Convert|Change) {value} {from_unit} (to|into) {to_unit}/how many {to_unit} are {value} {from_unit}?/{value} {from_unit} in {to_unit}
what is {value} {from_unit} in {to_unit}?/I have {value} {from_unit}, how many {to_unit} is that?

get_prime_factors|factorize|prime_factors: Find the prime factors of a number
. number|n|value integer The number
(Factorize|Find the primes of) {number}/prime factors of {number}/which primes divide {number}?/split {number} into primes/is {number} prime?

roll_die|throw_die|dice: Throw a die
. sides|faces|size small How many sides
(Throw|Roll) a die with {sides} sides/a {sides} sided die please/let a {sides} sided die decide/d{sides}

flip_coin|toss_coin|coin_flip: Flip a coin
flip a coin/heads or tails?/toss a coin[ please]/let the coin decide/throw a coin for me

pick_random|choose_one|random_choice: Choose one of two things at random
. first|option_a|a thing The first
. second|option_b|b thing The second
(Choose|Pick|Decide) between {first} and {second}/{first} or rather {second}?/should I take {first} or {second}?/I can't decide: {first} or {second}

find_trains|train_connections|search_trains|get_connections: Find trains between two cities
. from|origin|departure city Where the train leaves
. to|destination|arrival city Where it arrives
. date|day|on date? The day
(When|How) can I take the train from {from} to {to}[ on {date}]?/trains (from |){from} (to|-) {to}[ on {date}]/next train to {to} from {from}
I want to go by train from {from} to {to}[ on {date}]/rail connections {from} {to}[, {date}]/is there a train to {to} from {from}[ on {date}]?

book_train|train_ticket|buy_ticket: Buy a train ticket
. origin|from|start city From
. destination|to|end city To
. date|day|on date When
. class|seat_class|category first|second? The class
(Buy|Book|Get) (me |)a[ {class} class] (ticket|train) from {origin} to {destination} (on|for) {date}/a ticket to {destination} from {origin} on {date}[, {class} class]
I take the train from {origin} to {destination} on {date}[ in {class} class]

check_in|flight_check_in|online_check_in: Check in for a flight
. booking|reference|booking_code code The booking
. name|traveler|last_name person The traveller
Check {name} in (for|on) (flight |booking |){booking}/check in {booking} for {name}/{name} flies with {booking}, check in/booking {booking}, name {name}, please check in

get_flight_status|flight_info|track_flight: Get the state of a flight
. flight|flight_number|number code The flight
Is (flight |){flight} (on time|late|delayed)?/when does flight {flight} land?/status of flight {flight}/where is {flight} right now?/has {flight} landed?
which gate does {flight} leave from?

rent_bike|hire_bike|bike_rental: Rent a bike
. city|place|where city Where
. hours|duration|for_hours small For how many hours
Rent a bike in {city} for {hours} hours/I need a bike for {hours} hours in {city}/bike for {hours} hours, {city}/let me ride a bike in {city} for {hours} hours

find_hotel|search_hotels|hotel_search: Search hotels in a city
. city|destination|place city The city
. check_in|arrival|from_date date The first night
. check_out|departure|to_date date The day of leaving
(Hotels|A room|Rooms) in {city} from {check_in} to {check_out}/where can I stay in {city} between {check_in} and {check_out}?
I arrive in {city} on {check_in} and leave on {check_out}/I need a bed in {city} from {check_in} until {check_out}/{city}, {check_in} to {check_out}, find a hotel

get_visa_info|visa_rules|check_visa: Say whether a traveller needs a visa
. from|citizen_of|home title Where the traveller is from
. to|country|destination title Where the traveller goes
Do (people|travelers) from {from} need a visa for {to}?/visa for {to}, coming from {from}/I am from {from} and travel to {to}, do I need a visa?
can I enter {to} as a citizen of {from}?

pack_list|packing_list|what_to_pack: Make a list of what to take on a trip
. destination|city|to city Where the trip goes
. days|length|duration small How long
What should I pack for {days} days in {destination}?/packing list for {destination}, {days} days/I go to {destination} for {days} days, what do I take along?

order_food|order_dish|food_order: Order food from a restaurant
. dish|food|item dish The dish
. restaurant|from|place title The restaurant
. quantity|count|portions small? How many
Order[ {quantity}] {dish} (from|at) {restaurant}/I (want|would love) {dish} from {restaurant}/get me[ {quantity}] {dish} from {restaurant}/{restaurant} should bring[ {quantity}] {dish}

find_restaurant|restaurant_search|search_restaurants: Find a restaurant
. cuisine|kind|food cuisine What sort of food
. city|location|where city Where
Where can I eat {cuisine}[ food] in {city}?/(a|good|find a) {cuisine} restaurant in {city}/I am hungry for {cuisine} food in {city}/{cuisine} food near {city}

get_nutrition|nutrition_facts|food_info: Say what is in a food
. food|dish|product dish The food
How healthy is {food}?/how much fat is in {food}?/nutrition of {food}/how much sugar does {food} have?/what does {food} contain?/is {food} good for me?

find_recipe|recipe_search|search_recipes: Find a recipe with something
. with|using|main_item product What is in it
. minutes|max_time|time_limit integer? How long it may take
(What can I cook|Recipes) with {with}[ in {minutes} minutes]?/I have {with}, what can I cook[ in {minutes} minutes]?/something with {with}[ that takes {minutes} minutes]
cook something from {with}

add_to_shopping_list|shopping_list_add|add_grocery: Put something on the shopping list
. item|product|what product What to buy
. amount|quantity|count small? How much
We (need|are out of)[ {amount}] {item}/put[ {amount}] {item} on the (shopping |)list/(add|buy)[ {amount}] {item}/don't forget[ {amount}] {item} when we go shopping
there is no {item} left

set_oven|preheat_oven|oven_temperature: Heat the oven
. degrees|temperature|heat integer How hot
. minutes|duration|timer integer? For how long
(Heat|Set) the oven to {degrees}[ degrees][ for {minutes} minutes]/oven {degrees}[, {minutes} minutes]/preheat to {degrees}/I am baking at {degrees}[ for {minutes} minutes]

get_headlines|top_news|latest_headlines: Get the headlines of a country
. country|region|from title Which country
. count|limit|how_many small? How many
What (is happening|happens|is going on) in {country}?/[the {count} most important ]headlines from {country}/what do the papers in {country} say?/{count} news items from {country}

search_articles|find_articles|article_search: Search newspaper articles
. topic|subject|about topic What they are about
. since|after|from_date date? Not older than
(Find|Show) (me |)articles (on|about) {topic}[ since {since}]/what was written about {topic}[ since {since}]?/read up on {topic}/articles about {topic}, newer than {since}

subscribe|subscribe_newsletter|sign_up: Subscribe to a newsletter
. newsletter|list|name thing The newsletter
. email|address|to email Where to send it
Subscribe {email} to {newsletter}/sign {email} up for {newsletter}/I want {newsletter} sent to {email}/send {newsletter} to {email} from now on/{email} wants to get {newsletter}

unsubscribe|unsubscribe_newsletter|leave_list: Stop a newsletter
. newsletter|list|name thing The newsletter
(Stop sending me|I don't want) {newsletter}[ any more]/unsubscribe (me |)from {newsletter}/no more {newsletter}/enough of {newsletter}/take me off {newsletter}

post_update|create_post|share_post|tweet: Post something for everybody to see
. text|content|message sentence The text
(Post|Tweet|Share) {text}/tell the world that {text}/put {text} on my page/let my followers know that {text}/new post: {text}

follow_user|follow|add_friend: Follow a person
. user|person|profile person Whom to follow
Follow {user}/I want to see what {user} posts/add {user} as a friend/{user} is interesting, follow/be friends with {user}

like_post|like|add_like: Like a post
. post_id|post|id code The post
Like (post |){post_id}/I like {post_id}/thumbs up for {post_id}/post {post_id} is great, like it/give {post_id} a heart

play_video|watch|start_video|play_movie: Play a film or video
. title|video|film song The film
. device|screen|on room? Where to play it
(Play|Show|Start) (the film |the video |){title}[ in the {device}]/I want to (see|watch) {title}[ in the {device}]/put {title} on[ in the {device}]/let's watch {title}

find_book|search_books|book_search: Find a book
. title|book|name song The book
. author|writer|by person? Who wrote it
(Find|Do you have|Is there) the book {title}[ by {author}]?/I want to read {title}[ by {author}]/book {title}[, author {author}]/the novel {title}[ by {author}], please

borrow_book|lend_book|reserve_book: Lend a book to a reader
. book|title|item song The book
. reader|member|borrower person Who takes it
{reader} (borrows|takes home|wants to borrow) {book}/lend {book} to {reader}/give {book} to {reader}/reserve {book} for {reader}/{book} goes to {reader}

enroll_student|enroll|register_student: Register a student for a course
. student|pupil|learner person The student
. course|class|subject thing The course
(Enroll|Register) {student} (in|for) {course}/{student} takes {course}/put {student} into the {course} class/{student} wants to attend {course}/sign {student} up for {course}

grade_exam|set_grade|record_grade: Save the grade of a student
. student|pupil|learner person The student
. subject|exam|course thing The exam
. grade|points|mark small The grade
{student} (got|has) (a |){grade} in {subject}/give {student} {grade} in {subject}/grade {grade} for {student} in {subject}/{subject}: {student} {grade}

create_quiz|make_quiz|generate_quiz: Make questions about a topic
. topic|subject|about topic The topic
. questions|count|number small How many
(Make|Write|Ask me) {questions} questions (about|on) {topic}/quiz on {topic}, {questions} questions/test me on {topic} with {questions} questions

get_holidays|public_holidays|list_holidays: List the holidays of a country
. country|where|in title The country
. year|in_year|for_year year The year
(Holidays|When are the holidays|Which days are free) in {country} in {year}?/holidays {country} {year}/on which days of {year} is nobody at work in {country}?

days_between|count_days|date_difference: Count the days between two dates
. start|from|first date The first day
. end|to|last date The last day
How many days (are there |)(from|between) {start} (to|and) {end}?/days from {start} to {end}/how long is it from {start} until {end}?

world_clock|time_difference|compare_times: Get the difference in time between two cities
. city_a|first|from city The first city
. city_b|second|to city The second city
(What is the|The) time difference between {city_a} and {city_b}/how many hours is {city_a} ahead of {city_b}?/is it later in {city_a} than in {city_b}?

open_app|launch_app|start_app|run_app: Open an application
. app|name|application word The application
(Open the app|Launch|Start the app) {app}/I want to use {app}/bring up {app}/go to {app}/fire up {app}

close_app|quit_app|kill_process: Close an application
. app|process|program word The application
(Close|Quit|Kill|Stop) {app}/nobody needs {app} open any more/shut {app} down/{app} is too slow, end it/get rid of {app}

take_screenshot|screenshot|capture_screen: Take a picture of the screen
. file|save_as|output file? Where to save it
(Take|Make) a screenshot[ and save it as {file}]/capture the screen[ in {file}]/save what I see[ as {file}]/screenshot[ to {file}]

set_wallpaper|change_background|set_background: Change the background of the screen
. image|picture|file file The picture
(Use|Take|Set) {image} as (my |the |)(wallpaper|background)/I want to see {image} behind my windows/background {image}/change my wallpaper to {image}

connect_wifi|join_network|wifi_connect: Connect to a wireless network
. network|ssid|name word The network
. password|key|secret word? The password
(Connect|Join|Log in) to (the network |the wifi |){network}[ with (the password |){password}]/wifi {network}[, password {password}]/use the network {network}[, the password is {password}]

get_battery|battery_level|check_battery: Get the charge of a device
. device|which|name word Which device
How full is (the battery of |my ){device}?/battery of {device}/does {device} need charging?/how much power has {device} left?/is {device} charged?

find_device|locate_device|ring_device: Find a lost device
. device|what|item product The device
Where (is|are) my {device}?/I can't find my {device}/I lost my {device}/make my {device} ring/have you seen my {device}?

create_ticket|support_request|open_case: Ask the support for help
. customer|client|name person Who needs help
. problem|issue|text sentence The problem
{customer} has a problem: {problem}/{customer} says that {problem}/support for {customer}: {problem}/help {customer}, {problem}/open a case for {customer}: {problem}

refund_order|give_refund|refund: Give the money for an order back
. order|order_id|purchase code The order
. amount|sum|value amount How much
(Refund|Give back|Pay back) {amount} (for|of) (order |){order}/{order} gets {amount} back/the customer of {order} wants {amount} back/order {order}: refund {amount}

update_address|change_address|set_address: Change the address of a customer
. customer|person|name person The customer
. address|new_address|street address The new address
{customer} (moved to|now lives at|lives at) {address}/new address of {customer}: {address}/change the address of {customer} to {address}/{address} is where {customer} lives now

schedule_delivery|plan_delivery|delivery_date: Choose when an order arrives
. order|order_id|number code The order
. day|date|on day The day
. time|hour|at clock? The time
Bring (order |){order} (on |){day}[ at {time}]/I am at home {day}[ at {time}], bring {order} then/{order} should come {day}[ at {time}]/delivery of {order} {day}[ at {time}]

track_parcel|where_is_parcel|parcel_status: Find out where a parcel is
. tracking|number|code code The number of the parcel
Where is (my parcel |the parcel |){tracking}?/has {tracking} arrived?/when does my parcel {tracking} come?/parcel {tracking}/I am waiting for {tracking}

hire_employee|add_employee|new_employee: Add a person to the staff
. name|employee|person person Who starts
. role|job|position job The job
. start|from|begins date? The first day
{name} (joins|starts) as (a |our new |){role}[ on {start}]/hire {name} as {role}[ from {start}]/{name} is our new {role}[ since {start}]/new {role}: {name}[, {start}]

request_leave|book_vacation|vacation_request: Ask for days off
. from|start|first_day date The first day
. until|end|last_day date The last day
. employee|who|person person? Who is away
(I want|I need)[ to take] days off from {from} to {until}/{employee} is away from {from} until {until}/vacation from {from} to {until}[ for {employee}]
holiday for {employee}, {from} to {until}

log_hours|track_time|book_hours: Save hours of work on a project
. project|on|for word The project
. hours|time_spent|duration decimal How many hours
I worked {hours} hours on {project}/{hours} hours for {project}/log {hours} hours on {project}/{project} took {hours} hours/spent {hours} hours with {project}

give_raise|raise_salary|change_salary: Change the pay of an employee
. employee|person|name person The employee
. salary|pay|amount amount The new pay
{employee} (gets|earns|makes) {salary}[ from now on]/pay {employee} {salary}/raise {employee} to {salary}/the new pay of {employee} is {salary}

book_room|reserve_room|meeting_room: Reserve a meeting room
. room|name|which word The room
. time|from|start clock From when
. people|seats|persons small? For how many
(Book|Reserve) (the room |room |){room} (at|for|from) {time}[ for {people} people]/I need {room} at {time}[ for {people}]/is {room} free at {time}?/we are {people} and want {room} at {time}

vote|cast_vote|poll_vote: Vote in a poll
. poll|question|about thing The poll
. choice|answer|option yes|no|abstain The vote
(Vote|I vote|I say) {choice} (on|in) {poll}/my vote in {poll} is {choice}/{poll}: {choice}/about {poll} I say {choice}

adopt_animal|adopt_pet|give_home: Give an animal a home
. animal|name|pet title The animal
. adopter|person|family person Who takes it
{adopter} (adopts|takes|wants to adopt) {animal}/{animal} gets a home with {adopter}/give {animal} to {adopter}/{animal} will live with {adopter}

feed_pet|feed_animal|give_food: Feed an animal
. pet|animal|name title The animal
. portions|amount|cups small How much
Feed {pet} {portions} (portions|cups)/give {pet} {portions} cups[ of food]/{pet} is hungry, {portions} portions/{portions} portions for {pet}

report_pothole|report_damage|city_report: Report something broken in the street
. street|address|where address Where
. problem|damage|what thing What is broken
There is a {problem} (at|in|on) {street}/{problem} at {street}/report {problem} in {street}/somebody should see to the {problem} at {street}

call_ambulance|emergency|request_help: Send help to a place
. address|where|place address Where
. people|injured|persons small? How many are hurt
Send (help|an ambulance) to {address}[, {people} people are hurt]/accident at {address}[ with {people} hurt]/we need a doctor at {address}/{people} hurt at {address}, help

light_fire|heat_stove|start_fireplace: Light the fire
. minutes|duration|burn_time integer For how long
Light the fire for {minutes} minutes/let it burn {minutes} minutes/fire for {minutes} minutes/I want a fire, {minutes} minutes

trade_items|exchange_items|give_item: Exchange two things between players
. giver|player_a|from person Who gives
. taker|player_b|to person Who gets
. item|thing|what thing What is given
{giver} gives {item} to {taker}/{taker} gets {item} from {giver}/hand {item} from {giver} to {taker}/move {item} from {giver} over to {taker}

start_game|new_game|begin_match: Start a game between two players
. white|player_one|challenger person The first player
. black|player_two|opponent person The second player
{white} (plays|wants to play) (against|with) {black}/a game between {white} and {black}/start {white} against {black}/{white} challenges {black}

marry|register_couple|wedding: Register a wedding
. bride|partner_a|one person One of them
. groom|partner_b|other person The other
. date|day|on date The day
{bride} and {groom} (marry|get married) on {date}/wedding of {bride} and {groom} on {date}/{bride} marries {groom} on {date}/on {date} {bride} and {groom} marry

introduce|introduce_people|connect_people: Bring two people into contact
. one|person_a|who person The first
. other|person_b|to_whom person The second
Introduce {one} to {other}/{one} wants to meet {other}/bring {one} together with {other}/{one} and {other} should know each other/connect {one} with {other}

grow_crop|sow|sow_seeds: Sow seeds in a field
. crop|seed|what word What is sown
. field|where|plot title The field
. rows|lines|count integer? How many rows
Sow[ {rows} rows of] {crop} (in|on) {field}/time to sow {crop} on {field}/{field} gets[ {rows} rows of] {crop}

fill_tank|refuel|fill_up: Fill a tank with fuel
. car|tank|machine title What to fill
. gallons|amount|volume decimal How much
(Fill|Put) {gallons} gallons (into|in) {car}/{car} needs {gallons} gallons/give {car} {gallons} gallons[ of fuel]/pour {gallons} gallons into {car}

measure_distance|lap_distance|log_run: Save how far somebody ran
. athlete|who|person person Who ran
. meters|distance|how_far integer How far
{athlete} ran {meters} meters/{meters} meters by {athlete}/log {meters} meters for {athlete}/{athlete} made {meters} meters/note a run of {meters} meters by {athlete}

quiet_hours|do_not_disturb|no_calls: Let nobody call for some time
. from|start|begin clock From when
. until|end|to clock Until when
No calls (from|between) {from} (to|and) {until}/leave me alone from {from} until {until}/quiet from {from} to {until}/do not disturb {from} - {until}/I sleep from {from} to {until}

switch_channel|tv_channel|change_channel: Change the channel of the television
. channel|number|program small Which channel
(Go|Switch|Change) to (channel |){channel}/channel {channel}[ please]/I want to see what is on {channel}/put on {channel}/{channel} on the television
"""


class Domain(NamedTuple):
    names: list[str]
    descriptions: list[str]
    fields: dict[str, tuple[list[str], str, list[str]]]  # canonical name: (names, kind, comments)
    phrasings: list[str]


def _parse(block):
    head, *lines = block.split("\n")
    names, descriptions = head.split(": ", 1)
    fields, phrasings = {}, []
    for line in lines:
        if line.startswith(". "):
            field, kind, comments = line[2:].split(" ", 2)
            fields[field.split("|")[0]] = field.split("|"), kind, comments.split("|")
        else:
            phrasings += line.split("/")
    mandatory = {field for field, (_, kind, _) in fields.items() if not kind.endswith("?")}
    for phrasing in phrasings:
        mentioned = set(re.findall(r"\{(\w+)\}", phrasing))
        always = set(re.findall(r"\{(\w+)\}", re.sub(r"\[[^\[\]]*\]", "", phrasing)))
        assert mandatory <= always and mentioned <= fields.keys(), (names, phrasing)
    return Domain(names.split("|"), descriptions.split("|"), fields, phrasings)


DOMAINS = [_parse(block) for block in TEXT.strip().split("\n\n")]


def expand(source, phrasing):
    """One of the texts that a phrasing with (a|b) and [ maybe] stands for."""
    while match := re.search(r"\(([^()\[\]]*\|[^()\[\]]*)\)", phrasing):
        phrasing = phrasing[: match.start()] + source.choice(match[1].split("|")) + phrasing[match.end() :]
    while match := re.search(r"\[([^\[\]]*)\]", phrasing):
        phrasing = phrasing[: match.start()] + (match[1] if source.chance(0.5) else "") + phrasing[match.end() :]
    return re.sub(r" +", " ", phrasing).strip()
