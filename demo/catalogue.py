"""Everyday functions with the requests that people make of them.

One block a function: name: description, then one line a parameter (name, kind of value, comment; a
question mark after the kind makes it optional, a|b|c is an enum), then the phrasings.  A parameter
that a phrasing does not mention is optional and left out of the arguments.
"""

from typing import NamedTuple

import held_out
from words import Texts


class Entry(NamedTuple):
    name: str
    description: str
    fields: dict[str, tuple[str, str]]
    phrasings: Texts


_TEXT = """
get_weather: Get the current weather for a city
. city city The name of the city
. unit celsius|fahrenheit? The unit of the temperature
What's the weather in {city}?/weather in {city}/How is the weather in {city} today?/Is it raining in {city}?
tell me the weather for {city}/Do I need an umbrella in {city}?/What's the weather in {city} in {unit}?/{city} weather in {unit}
How warm is it in {city}? Use {unit}./What is the weather like in {city}?/Is it cold in {city}?/weather {city}

get_current_weather: Gets the current weather in the provided location.
. location city The city and state, e.g. San Francisco, CA
. format celsius|fahrenheit? The unit of the temperature
What is the weather in {location}?/What's the weather like in {location}?/current weather in {location}/Is it sunny in {location}?
How hot is it in {location} in {format}?/weather for {location}, in {format}/What is the weather like in {location} today?

get_forecast: Get the weather forecast for some days
. city city The city
. days integer Number of days
Forecast for {city} for {days} days/What will the weather be in {city} over the next {days} days?
give me the {days} day forecast for {city}/weather in {city} for {days} days

get_time: Get the current time in a city
. city city The city
What time is it in {city}?/time in {city}/current time in {city} please/Tell me the time in {city}/How late is it in {city}?

set_timer: Start a timer
. minutes integer Length in minutes
Set a timer for {minutes} minutes/timer {minutes} minutes/start a {minutes} minute timer/Remind me in {minutes} minutes
wake me in {minutes} minutes/I need a timer of {minutes} minutes

set_alarm: Set an alarm clock
. time clock Time of day, HH:MM
. label thing? What the alarm is for
Set an alarm for {time}/wake me up at {time}/alarm at {time} please/Set an alarm for {time} called {label}/alarm {time}, label {label}

get_stock_price: Get the price of a stock
. symbol symbol Ticker symbol
What is the stock price of {symbol}?/price of {symbol} stock/How is {symbol} trading?/stock quote for {symbol}/What does {symbol} cost?

convert_currency: Convert an amount of money to another currency
. amount decimal The amount
. from currency The currency to convert from
. to currency The currency to convert to
Convert {amount} {from} to {to}/How much is {amount} {from} in {to}?/change {amount} {from} into {to}/{amount} {from} in {to}

translate_text: Translate a text
. text thing The text
. language language The language to translate to
Translate {text} into {language}/How do you say {text} in {language}?/translate {text} to {language}/What is {text} in {language}?

turn_on_light: Turn on the light in a room
. room room The room
Turn on the light in the {room}/switch on the {room} light/lights on in the {room}/make it bright in the {room}

turn_off_light: Turn off the light in a room
. room room The room
Turn off the light in the {room}/switch off the {room} light/lights out in the {room}/make it dark in the {room}

set_temperature: Set the temperature of a room
. room room The room
. degrees integer Degrees
Set the {room} to {degrees} degrees/make the {room} {degrees} degrees/heat the {room} to {degrees} degrees
I want {degrees} degrees in the {room}

search_web: Search the web
. query topic What to search for
Search the web for {query}/search for {query}/google {query}/look up {query} on the web/find pages about {query}

web_search: Search the internet for a query
. query topic The search query
. max_results integer? How many results to return
Search the internet for {query}/search for {query}/find {max_results} results about {query}/look up {query}

get_news: Get the latest news about a topic
. topic topic The topic
News about {topic}/What is new about {topic}?/show me the news on {topic}/latest headlines for {topic}/any news on {topic}?

create_event: Create a calendar event
. title thing Title of the event
. day day Day of the event
Create an event {title} on {day}/put {title} in my calendar for {day}/Schedule {title} on {day}/Add {title} to {day}

schedule_meeting: Schedule a meeting with a person
. person person Whom to meet
. date date The date
. time clock? The time
Schedule a meeting with {person} on {date}/meet {person} on {date} at {time}/Set up a meeting with {person} for {date} at {time}
I want to meet {person} on {date}/plan a meeting with {person}, {date} {time}

find_flights: Find flights between two cities
. origin city City of departure
. destination city City of arrival
Find flights from {origin} to {destination}/I want to fly from {origin} to {destination}/flights {origin} to {destination}
Which flights go from {origin} to {destination}?/flights to {destination} from {origin}/fly to {destination} from {origin}

book_flight: Book a flight
. origin city From
. destination city To
. date date Date of departure
Book a flight from {origin} to {destination} on {date}/fly me to {destination} from {origin} on {date}
I need a flight {origin} to {destination} on {date}/On {date} I fly from {origin} to {destination}, book it

book_hotel: Book a hotel room
. city city The city
. nights integer Number of nights
Book a hotel in {city} for {nights} nights/I need a room in {city} for {nights} nights/{nights} nights in a hotel in {city} please
reserve a hotel room in {city}, {nights} nights

book_table: Book a table in a restaurant
. restaurant title Name of the restaurant
. people integer Number of guests
. time clock? Time of day
Book a table for {people} at {restaurant}/reserve a table at {restaurant} for {people} people/table for {people} at {restaurant} at {time}
We are {people} people and want to eat at {restaurant} at {time}

send_email: Send an email
. to email Address of the receiver
. subject thing The subject
. body sentence? The text
Send an email to {to} with the subject {subject}/email {to} about {subject}/write to {to}, subject {subject}, saying {body}
Send an email to {to} with subject {subject} and body {body}/mail {to}: {subject}

send_message: Send a text message to a person
. name person The receiver
. text sentence The message
Text {name} that {text}/Send {name} a message: {text}/message {name}: {text}/tell {name} that {text}/Write {name} that {text}

call_contact: Call a person
. name person Whom to call
Call {name}/phone {name}/ring {name} please/give {name} a call/I want to talk to {name}

get_order_status: Get the status of an order
. order_id code The number of the order
Where is order {order_id}?/status of order {order_id}/What happened to my order {order_id}?/track order {order_id}
Has order {order_id} been shipped?/Check my order {order_id}

cancel_order: Cancel an order
. order_id code The number of the order
Cancel order {order_id}/I do not want order {order_id} any more/please cancel my order {order_id}/stop order {order_id}

add_to_cart: Add a product to the cart
. product thing The product
. quantity integer How many
Add {quantity} {product} to my cart/put {quantity} {product} in the cart/I want {quantity} {product} in my cart
put {product} in my cart, {quantity} of them

roll_dice: Roll dice
. count integer How many dice
. sides integer Sides of each die
Roll {count} dice with {sides} sides/throw {count} {sides} sided dice/roll {count} dice, {sides} sides each

play_music: Play a song
. song title The song
. artist person? The artist
Play {song}/play {song} by {artist}/I want to hear {song}/put on {song} by {artist}/play the song {song}

create_note: Save a note
. text task The note
Note: {text}/take a note: {text}/write down {text}/save the note {text}/make a note that says {text}

add_task: Add a task to the to-do list
. task task The task
. due day? When it is due
Add {task} to my list/I have to {task} on {due}/put {task} on the list for {due}/new task: {task}/remind me to {task} {due}

get_user: Get a user by id
. user_id integer The id
Get user {user_id}/show user {user_id}/who is user {user_id}?/look up the user with id {user_id}

create_user: Create a user account
. name person Full name
. email email Email address
Create a user {name} with email {email}/new account for {name}, {email}/add the user {name} ({email})/sign up {name} with {email}

find_person: Find a person in the directory
. name person The name
. department thing? The department
Find {name}/who is {name} in {department}?/look up {name} in {department}/search the directory for {name}

get_distance: Get the distance between two cities
. from city The first city
. to city The second city
How far is it from {from} to {to}?/distance from {from} to {to}/distance between {from} and {to}/How many miles from {from} to {to}?

get_route: Find the way between two places
. start city Where the way begins
. end city Where the way ends
. mode car|bike|train|walk? How to travel
How do I get from {start} to {end}?/route from {start} to {end} by {mode}/way from {start} to {end}/go from {start} to {end} by {mode}

get_population: Get the population of a city
. city city The city
How many people live in {city}?/population of {city}/What is the population of {city}?/How big is {city}?

get_capital: Get the capital of a country
. country title The country
What is the capital of {country}?/capital of {country}/Which city is the capital of {country}?

read_file: Read a file
. path file The file to read
Read {path}/show me the file {path}/open {path}/What is in {path}?/print the contents of {path}/cat {path}

write_file: Write a text to a file
. path file The file to write
. content sentence The text
Write {content} to {path}/save {content} in {path}/put {content} into the file {path}/create {path} with the text {content}

delete_file: Delete a file
. path file The file to delete
Delete {path}/remove the file {path}/I don't need {path} any more/erase {path} please/rm {path}

list_files: List the files of a folder
. folder thing The folder
List the files in {folder}/what is in the folder {folder}?/show the files of {folder}/ls {folder}

fetch_url: Fetch a web page
. url url The address
Fetch {url}/open {url}/get the page {url}/download {url}/What does {url} say?

calculate_bmi: Calculate the body mass index
. weight decimal Weight in kilograms
. height decimal Height in centimetres
My weight is {weight} and my height is {height}, what is my BMI?/BMI for {weight} kg and {height} cm
I am {height} cm tall and weigh {weight} kg, what is my BMI?

get_exchange_rate: Get the exchange rate of two currencies
. base currency The first currency
. target currency The second currency
Exchange rate from {base} to {target}/What is {base} in {target}?/rate {base} {target}/How does {base} stand against {target}?

get_definition: Look up a word in the dictionary
. word thing The word
What does {word} mean?/define {word}/definition of {word}/look up {word} in the dictionary/meaning of {word}

get_recipe: Find a recipe for a dish
. dish thing The dish
. servings integer? For how many
How do I cook {dish}?/recipe for {dish}/recipe for {dish} for {servings} people/I want to make {dish} for {servings}

recommend_movie: Recommend a film
. genre thing The genre
. year integer? Year of release
Recommend a {genre} movie/a good {genre} film from {year}?/I want to watch a {genre} movie from {year}/which {genre} film is good?

lock_door: Lock a door
. door room The door
Lock the {door} door/lock the door of the {door}/close and lock the {door}/is the {door} door locked? lock it

get_balance: Get the balance of a bank account
. account code The account
What is the balance of account {account}?/how much money is on {account}?/balance {account}/show the balance of {account}

transfer_money: Transfer money to a person
. recipient person Who gets the money
. amount decimal How much
. currency currency? The currency
Transfer {amount} to {recipient}/send {amount} {currency} to {recipient}/pay {recipient} {amount} {currency}/give {recipient} {amount}

get_date: Get today's date
What day is it?/what is the date today?/today's date please/which day is today?

random_number: Get a random number
. min integer Smallest number
. max integer Largest number
Random number between {min} and {max}/give me a number from {min} to {max}/pick a number between {min} and {max}

run_query: Run a database query
. table thing The table
. limit integer? Most rows to return
Query the table {table}/show {limit} rows of {table}/select from {table}, limit {limit}/get the first {limit} rows from {table}
"""


def _parse(block):
    head, *lines = block.split("\n")
    name, description = head.split(": ", 1)
    fields, phrasings = {}, []
    for line in lines:
        if line.startswith(". "):
            field, kind, comment = line[2:].split(" ", 2)
            fields[field] = (kind, comment)
        else:
            phrasings += line.split("/") if "://" not in line else [line]
    mandatory = {f for f, (kind, _) in fields.items() if not kind.endswith("?")}
    for phrasing in phrasings:
        assert all("{" + f + "}" in phrasing for f in mandatory), (name, phrasing)
    return Entry(name, description, fields, Texts(phrasings))


CATALOGUE = Texts(*([_parse(block) for block in text.strip().split("\n\n")] for text in (_TEXT, held_out.CATALOGUE)))
